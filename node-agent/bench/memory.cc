#include "node-agent/bench/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstddef>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#ifdef __APPLE__
#include <sys/sysctl.h>
#endif

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace capacity::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kSmallestArray = std::uint64_t{256} << 20;
constexpr std::uint64_t kCachesPerArray = 4;  // as STREAM's rules ask
constexpr double kShareOfAvailable = 0.25;
constexpr double kScalar = 3.0;
constexpr std::size_t kLine = 8;  // doubles in 64 bytes: no two threads share a line

// Anonymous memory that is given back at the end.
class Array {
 public:
  explicit Array(std::size_t count) : count_(count) {
    void* memory = mmap(nullptr, count * sizeof(double), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) data_ = static_cast<double*>(memory);
#ifdef MADV_HUGEPAGE
    if (data_ != nullptr) madvise(data_, count * sizeof(double), MADV_HUGEPAGE);
#endif
  }
  ~Array() {
    if (data_ != nullptr) munmap(data_, count_ * sizeof(double));
  }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  double* data() const { return data_; }

 private:
  double* data_ = nullptr;
  std::size_t count_;
};

// Threads that run one piece of work together, again and again.
class Team {
 public:
  explicit Team(unsigned size) : size_(size) {
    for (unsigned i = 0; i < size; ++i) threads_.emplace_back([this, i] { Serve(i); });
  }
  ~Team() {
    Start(nullptr);
    for (std::thread& thread : threads_) thread.join();
  }
  // Runs `work(thread)` on every thread; the seconds from the start of the first to the end of the
  // last.
  double Run(const std::function<void(unsigned)>& work) {
    const Clock::time_point start = Clock::now();
    Start(&work);
    std::unique_lock<std::mutex> lock(mutex_);
    finished_.wait(lock, [this] { return running_ == 0; });
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

 private:
  void Start(const std::function<void(unsigned)>* work) {
    const std::lock_guard<std::mutex> lock(mutex_);
    work_ = work;
    running_ = size_;
    ++round_;
    started_.notify_all();
  }
  void Serve(unsigned index) {
    std::uint64_t seen = 0;
    while (true) {
      const std::function<void(unsigned)>* work = nullptr;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        started_.wait(lock, [&] { return round_ != seen; });
        seen = round_;
        work = work_;
      }
      if (work == nullptr) return;
      (*work)(index);
      const std::lock_guard<std::mutex> lock(mutex_);
      if (--running_ == 0) finished_.notify_all();
    }
  }

  unsigned size_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable started_;
  std::condition_variable finished_;
  const std::function<void(unsigned)>* work_ = nullptr;
  std::uint64_t round_ = 0;
  unsigned running_ = 0;
};

struct Part {
  std::size_t begin;
  std::size_t end;
};

Part PartOf(std::size_t count, unsigned thread, unsigned threads) {
  const std::size_t lines = count / kLine;
  return {lines * thread / threads * kLine, lines * (thread + 1) / threads * kLine};
}

void Triad(double* __restrict a, const double* __restrict b, const double* __restrict c,
           Part part) {
  for (std::size_t i = part.begin; i < part.end; ++i) a[i] = b[i] + kScalar * c[i];
}

// Eight sums, so that additions do not wait for each other.
double Sum(const double* __restrict a, Part part) {
  double sums[kLine] = {};
  for (std::size_t i = part.begin; i < part.end; i += kLine) {
    for (std::size_t k = 0; k < kLine; ++k) sums[k] += a[i + k];
  }
  double sum = 0;
  for (const double one : sums) sum += one;
  return sum;
}

agent::MemoryBandwidth Summary(agent::MemoryBandwidth::Kind kind, double bytes,
                               std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  const std::size_t middle = seconds.size() / 2;
  const double median =
      seconds.size() % 2 == 1 ? seconds[middle] : (seconds[middle - 1] + seconds[middle]) / 2;
  agent::MemoryBandwidth measured;
  measured.kind = kind;
  measured.best_bytes_per_second = bytes / seconds.front();
  measured.median_bytes_per_second = bytes / median;
  measured.repeats = static_cast<std::uint32_t>(seconds.size());
  return measured;
}

}  // namespace

std::uint64_t WorkingSet(std::uint64_t last_level_cache_bytes, std::uint64_t available_bytes) {
  const std::uint64_t wanted =
      3 * std::max(kSmallestArray, kCachesPerArray * last_level_cache_bytes);
  const auto allowed =
      static_cast<std::uint64_t>(kShareOfAvailable * static_cast<double>(available_bytes));
  const std::uint64_t bytes = std::min(wanted, allowed);
  return bytes < 2 * 3 * last_level_cache_bytes || bytes < (std::uint64_t{64} << 20) ? 0 : bytes;
}

std::uint64_t LastLevelCache() {
#ifdef __APPLE__
  // The system-level cache is not told; the largest L2 stands for it, and arrays are larger anyway.
  std::uint64_t largest = 0;
  for (const char* name :
       {"hw.perflevel0.l2cachesize", "hw.perflevel1.l2cachesize", "hw.l3cachesize"}) {
    std::uint64_t bytes = 0;
    std::size_t size = sizeof bytes;
    if (sysctlbyname(name, &bytes, &size, nullptr, 0) == 0) largest = std::max(largest, bytes);
  }
  return largest;
#else
  // Every cache of the first core and, since there may be several of the last level, all cores'.
  std::uint64_t total = 0;
  std::uint64_t level_of_total = 0;
  const long cores = sysconf(_SC_NPROCESSORS_CONF);
  std::vector<std::string> counted;
  for (long core = 0; core < cores; ++core) {
    for (int index = 0; index < 8; ++index) {
      const std::string at =
          absl::StrCat("/sys/devices/system/cpu/cpu", core, "/cache/index", index, "/");
      std::ifstream level_file(at + "level");
      std::uint64_t level = 0;
      if (!(level_file >> level)) break;
      std::uint64_t kibibytes = 0;
      std::string shared;
      std::ifstream(at + "size") >> kibibytes;
      std::ifstream(at + "shared_cpu_list") >> shared;
      const std::string key = absl::StrCat(level, " ", shared);
      if (level < level_of_total || std::find(counted.begin(), counted.end(), key) != counted.end())
        continue;
      if (level > level_of_total) total = 0;
      level_of_total = level;
      counted.push_back(key);
      total += kibibytes << 10;
    }
  }
  return total;
#endif
}

absl::StatusOr<std::vector<agent::MemoryBandwidth>> MeasureCpuMemory(const MemoryEffort& effort) {
  const unsigned threads =
      effort.threads > 0 ? effort.threads : std::max(1u, std::thread::hardware_concurrency());
  const std::size_t count = effort.bytes / 3 / sizeof(double) / kLine * kLine;
  if (count < kLine * threads || effort.repeats < 1) {
    return absl::InvalidArgumentError("too little memory to measure with");
  }
  const Array a(count);
  const Array b(count);
  const Array c(count);
  if (a.data() == nullptr || b.data() == nullptr || c.data() == nullptr) {
    return absl::ResourceExhaustedError("the memory to measure with cannot be had");
  }
  Team team(threads);
  const auto part = [&](unsigned thread) { return PartOf(count, thread, threads); };
  team.Run([&](unsigned thread) {
    const Part mine = part(thread);
    std::fill(a.data() + mine.begin, a.data() + mine.end, 0.0);
    std::fill(b.data() + mine.begin, b.data() + mine.end, 2.0);
    std::fill(c.data() + mine.begin, c.data() + mine.end, 1.0);
  });
  const auto triad = [&](unsigned thread) { Triad(a.data(), b.data(), c.data(), part(thread)); };
  std::vector<double> sums(threads * kLine);  // a line apart
  const auto read = [&](unsigned thread) { sums[thread * kLine] = Sum(a.data(), part(thread)); };
  const auto timed = [&](const std::function<void(unsigned)>& work) {
    team.Run(work);
    std::vector<double> seconds;
    for (int i = 0; i < effort.repeats; ++i) seconds.push_back(team.Run(work));
    return seconds;
  };
  const double array_bytes = static_cast<double>(count * sizeof(double));
  std::vector<agent::MemoryBandwidth> measured = {
      Summary(agent::MemoryBandwidth::Kind::kCpuTriad, 3 * array_bytes, timed(triad)),
      Summary(agent::MemoryBandwidth::Kind::kCpuRead, array_bytes, timed(read))};
  double sum = 0;
  for (const double one : sums) sum += one;
  // Every element is 2 + 3 * 1; sums of equal small whole numbers are exact.
  if (sum != 5.0 * static_cast<double>(count)) {
    return absl::InternalError("the arrays do not hold what was computed; is the memory sound?");
  }
  measured[0].buffer_bytes = 3 * count * sizeof(double);
  measured[1].buffer_bytes = count * sizeof(double);
  for (agent::MemoryBandwidth& one : measured) one.threads = threads;
  return measured;
}

}  // namespace capacity::bench
