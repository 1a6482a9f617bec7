#include "node-agent/bench/memory_cuda.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace capacity::bench {
namespace {

// The part of the CUDA driver API that is used; signatures as its reference manual gives them. The
// suffixed names are the 64-bit entry points.
using CuResult = int;
using CuDevice = int;
using CuContext = struct CuContextTag*;
using CuEvent = struct CuEventTag*;
using CuStream = struct CuStreamTag*;
using CuDevicePtr = unsigned long long;

constexpr CuResult kSuccess = 0;
constexpr unsigned kDefaultEvent = 0;
constexpr std::size_t kMostBytes = std::size_t{2} << 30;
constexpr std::size_t kLeastBytes = std::size_t{64} << 20;
constexpr std::size_t kShareOfFree = 8;  // one part of so many
constexpr int kMostCards = 64;
// Copies between two events, so that starting one does not count.
constexpr int kCopiesPerRepeat = 5;

struct Driver {
  CuResult (*init)(unsigned) = nullptr;
  CuResult (*count)(int*) = nullptr;
  CuResult (*device)(CuDevice*, int) = nullptr;
  CuResult (*name)(char*, int, CuDevice) = nullptr;
  CuResult (*retain)(CuContext*, CuDevice) = nullptr;
  CuResult (*release)(CuDevice) = nullptr;
  CuResult (*set_current)(CuContext) = nullptr;
  CuResult (*free_memory)(std::size_t*, std::size_t*) = nullptr;
  CuResult (*allocate)(CuDevicePtr*, std::size_t) = nullptr;
  CuResult (*free)(CuDevicePtr) = nullptr;
  CuResult (*fill)(CuDevicePtr, unsigned char, std::size_t) = nullptr;
  CuResult (*copy)(CuDevicePtr, CuDevicePtr, std::size_t, CuStream) = nullptr;
  CuResult (*event_create)(CuEvent*, unsigned) = nullptr;
  CuResult (*event_destroy)(CuEvent) = nullptr;
  CuResult (*event_record)(CuEvent, CuStream) = nullptr;
  CuResult (*event_wait)(CuEvent) = nullptr;
  CuResult (*event_ms)(float*, CuEvent, CuEvent) = nullptr;
};

template <class Function>
bool Find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

bool FindAll(void* library, Driver& driver) {
  return Find(library, "cuInit", driver.init) && Find(library, "cuDeviceGetCount", driver.count) &&
         Find(library, "cuDeviceGet", driver.device) &&
         Find(library, "cuDeviceGetName", driver.name) &&
         Find(library, "cuDevicePrimaryCtxRetain", driver.retain) &&
         Find(library, "cuDevicePrimaryCtxRelease_v2", driver.release) &&
         Find(library, "cuCtxSetCurrent", driver.set_current) &&
         Find(library, "cuMemGetInfo_v2", driver.free_memory) &&
         Find(library, "cuMemAlloc_v2", driver.allocate) &&
         Find(library, "cuMemFree_v2", driver.free) &&
         Find(library, "cuMemsetD8_v2", driver.fill) &&
         Find(library, "cuMemcpyDtoDAsync_v2", driver.copy) &&
         Find(library, "cuEventCreate", driver.event_create) &&
         Find(library, "cuEventDestroy_v2", driver.event_destroy) &&
         Find(library, "cuEventRecord", driver.event_record) &&
         Find(library, "cuEventSynchronize", driver.event_wait) &&
         Find(library, "cuEventElapsedTime", driver.event_ms);
}

// What one card holds during its measurement; given back in any case.
struct Held {
  const Driver& driver;
  CuDevice device = 0;
  bool retained = false;
  CuDevicePtr from = 0;
  CuDevicePtr to = 0;
  CuEvent start = nullptr;
  CuEvent end = nullptr;

  ~Held() {
    if (start != nullptr) driver.event_destroy(start);
    if (end != nullptr) driver.event_destroy(end);
    if (from != 0) driver.free(from);
    if (to != 0) driver.free(to);
    if (retained) driver.release(device);
  }
};

// The name of the first step that failed; empty when all went well.
std::string Measure(Held& held, int repeats, agent::MemoryBandwidth& measured) {
  const Driver& driver = held.driver;
  CuContext context = nullptr;
  if (driver.retain(&context, held.device) != kSuccess) return "cuDevicePrimaryCtxRetain failed";
  held.retained = true;
  if (driver.set_current(context) != kSuccess) return "cuCtxSetCurrent failed";
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  if (driver.free_memory(&free_bytes, &total_bytes) != kSuccess) return "cuMemGetInfo failed";
  const std::size_t bytes = std::min(kMostBytes, free_bytes / kShareOfFree) / 2;
  if (bytes < kLeastBytes) return "too little of its memory is free";
  if (driver.allocate(&held.from, bytes) != kSuccess ||
      driver.allocate(&held.to, bytes) != kSuccess) {
    return "cuMemAlloc failed";
  }
  if (driver.fill(held.from, 1, bytes) != kSuccess || driver.fill(held.to, 2, bytes) != kSuccess) {
    return "cuMemsetD8 failed";
  }
  if (driver.event_create(&held.start, kDefaultEvent) != kSuccess ||
      driver.event_create(&held.end, kDefaultEvent) != kSuccess) {
    return "cuEventCreate failed";
  }
  std::vector<double> seconds;
  for (int repeat = -1; repeat < repeats; ++repeat) {  // the first is not counted
    bool ok = driver.event_record(held.start, nullptr) == kSuccess;
    for (int i = 0; i < kCopiesPerRepeat; ++i) {
      ok = ok && driver.copy(held.to, held.from, bytes, nullptr) == kSuccess;
    }
    ok = ok && driver.event_record(held.end, nullptr) == kSuccess;
    ok = ok && driver.event_wait(held.end) == kSuccess;
    float milliseconds = 0;
    ok = ok && driver.event_ms(&milliseconds, held.start, held.end) == kSuccess;
    if (!ok || !(milliseconds > 0)) return "a timed copy failed";
    if (repeat >= 0) seconds.push_back(static_cast<double>(milliseconds) / 1e3);
  }
  std::sort(seconds.begin(), seconds.end());
  const double moved = 2.0 * static_cast<double>(bytes) * kCopiesPerRepeat;
  measured.kind = agent::MemoryBandwidth::Kind::kGpuCopy;
  measured.best_bytes_per_second = moved / seconds.front();
  measured.median_bytes_per_second =
      moved / ((seconds[(seconds.size() - 1) / 2] + seconds[seconds.size() / 2]) / 2);
  measured.repeats = static_cast<std::uint32_t>(seconds.size());
  measured.buffer_bytes = 2 * bytes;
  return "";
}

}  // namespace

CudaMeasurements MeasureGpuMemory(int repeats) {
  CudaMeasurements result;
  const auto nothing = [&result](const std::string& why) {
    result.missing.push_back(absl::StrCat("GPU memory bandwidth: ", why));
    return result;
  };
  // Stays loaded: the driver's library starts threads that outlive a close.
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nothing("libcuda.so.1 is not there (no NVIDIA driver)");
  Driver driver;
  if (!FindAll(library, driver)) return nothing("libcuda.so.1 lacks a function that is needed");
  int count = 0;
  if (driver.init(0) != kSuccess || driver.count(&count) != kSuccess) {
    return nothing("the NVIDIA driver does not start");
  }
  if (count < 1) return nothing("the NVIDIA driver shows no card");
  for (int i = 0; i < std::min(count, kMostCards); ++i) {
    Held held{driver};
    char name[128] = {};
    agent::MemoryBandwidth measured;
    std::string why = "cuDeviceGet failed";
    if (driver.device(&held.device, i) == kSuccess) {
      driver.name(name, sizeof name - 1, held.device);
      why = Measure(held, std::max(repeats, 1), measured);
    }
    measured.device =
        name[0] == '\0' ? absl::StrCat("card ", i) : absl::StrCat("card ", i, ", ", name);
    if (why.empty()) {
      result.measured.push_back(std::move(measured));
    } else {
      nothing(absl::StrCat(measured.device, ": ", why));
    }
  }
  return result;
}

}  // namespace capacity::bench
