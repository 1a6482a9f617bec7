#include "node-agent/reporter/spool.h"

#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/pki/files.h"

namespace capacity::reporter {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".report";
constexpr std::size_t kDigits = 20;  // of the largest 64-bit number
constexpr std::size_t kNameSize = 2 * kDigits + 1 + kSuffix.size();
constexpr std::size_t kDigestBytes = SHA256_DIGEST_LENGTH;

std::string Padded(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  return std::string(kDigits - digits.size(), '0') + digits;
}

// Sorts like (boot, sequence).
std::string NameOf(const Entry& entry) {
  return absl::StrCat(Padded(entry.boot_id), "-", Padded(entry.sequence), std::string(kSuffix));
}

bool ReadNumber(std::string_view digits, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() && end == digits.data() + digits.size();
}

// False when the file is none of the spool's.
bool ReadName(std::string_view name, Entry& entry) {
  return name.size() == kNameSize && name[kDigits] == '-' &&
         name.substr(kNameSize - kSuffix.size()) == kSuffix &&
         ReadNumber(name.substr(0, kDigits), entry.boot_id) &&
         ReadNumber(name.substr(kDigits + 1, kDigits), entry.sequence);
}

std::string Digest(std::string_view bytes) {
  std::string digest(kDigestBytes, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

Spool::Spool(std::string directory, Limits limits)
    : directory_(std::move(directory)), limits_(limits) {}

absl::StatusOr<Spool> Spool::Open(std::string directory, Limits limits) {
  std::error_code error;
  fs::create_directories(fs::path(directory).parent_path(), error);
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return absl::UnavailableError(
        absl::StrCat(directory, " cannot be made: ", std::generic_category().message(errno)));
  }
  Spool spool(std::move(directory), limits);
  if (absl::Status listed = spool.List(); !listed.ok()) return listed;
  return spool;
}

absl::Status Spool::List() {
  std::error_code error;
  for (fs::directory_iterator it(directory_, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    Entry entry;
    std::error_code ignored;
    if (ReadName(name, entry)) {
      waiting_.push_back({name, it->file_size(ignored)});
    } else if (name.find(".new-") != std::string::npos) {
      fs::remove(it->path(), ignored);  // of a process that was killed while it wrote
    }
  }
  if (error) {
    return absl::UnavailableError(absl::StrCat(directory_, " cannot be read: ", error.message()));
  }
  std::sort(waiting_.begin(), waiting_.end(),
            [](const Waiting& a, const Waiting& b) { return a.name < b.name; });
  for (const Waiting& waiting : waiting_) bytes_ += waiting.bytes;
  const std::string counted = ReadAll(PathOf("dropped"));
  if (!ReadNumber(counted, dropped_)) dropped_ = 0;
  return absl::OkStatus();
}

absl::Status Spool::Append(const Entry& entry) {
  const std::string name = NameOf(entry);
  const absl::Status written =
      pki::ReplaceFile(PathOf(name), absl::StrCat(Digest(entry.bytes), entry.bytes));
  if (!written.ok()) return written;
  const Waiting waiting = {name, kDigestBytes + entry.bytes.size()};
  const auto place =
      std::lower_bound(waiting_.begin(), waiting_.end(), waiting,
                       [](const Waiting& a, const Waiting& b) { return a.name < b.name; });
  if (place != waiting_.end() && place->name == name) return absl::OkStatus();
  waiting_.insert(place, waiting);
  bytes_ += waiting.bytes;
  while (waiting_.size() > 1 && (waiting_.size() > limits_.entries || bytes_ > limits_.bytes)) {
    if (absl::Status dropped = DropOldest(); !dropped.ok()) return dropped;
  }
  return absl::OkStatus();
}

std::optional<Entry> Spool::Front() {
  while (!waiting_.empty()) {
    Entry entry;
    ReadName(waiting_.front().name, entry);
    const std::string content = ReadAll(PathOf(waiting_.front().name));
    if (content.size() >= kDigestBytes) {
      entry.bytes = content.substr(kDigestBytes);
      if (content.substr(0, kDigestBytes) == Digest(entry.bytes)) return entry;
    }
    if (!DropOldest().ok()) return std::nullopt;  // damaged, and it cannot even be removed
  }
  return std::nullopt;
}

absl::Status Spool::RemoveFront() {
  if (waiting_.empty()) return absl::OkStatus();
  const Waiting front = waiting_.front();
  waiting_.pop_front();
  bytes_ -= front.bytes;
  return Remove(front.name);
}

absl::Status Spool::DropOldest() {
  ++dropped_;
  CountDropped();
  return RemoveFront();
}

// Not worth an error: what is lost with it is a number for people.
void Spool::CountDropped() {
  pki::ReplaceFile(PathOf("dropped"), std::to_string(dropped_)).IgnoreError();
}

absl::Status Spool::Remove(const std::string& name) const {
  if (unlink(PathOf(name).c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat(PathOf(name), " cannot be removed: ", std::generic_category().message(errno)));
}

std::string Spool::PathOf(const std::string& name) const {
  return (fs::path(directory_) / name).string();
}

}  // namespace capacity::reporter
