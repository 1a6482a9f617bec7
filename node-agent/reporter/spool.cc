#include "node-agent/reporter/spool.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/base/descriptor.h"
#include "planner/pki/files.h"

namespace capacity::reporter {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".report";
constexpr std::size_t kDigits = 20;  // of the largest 64-bit number
constexpr std::size_t kNameSize = 2 * kDigits + 1 + kSuffix.size();
constexpr std::size_t kDigestBytes = SHA256_DIGEST_LENGTH;
constexpr std::size_t kLargestFile = std::size_t{64} << 20;  // all that waits, as Limits has it

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

absl::Status Failed(const std::string& path, std::string_view what) {
  return absl::UnavailableError(absl::StrCat(path, " cannot be ", std::string(what), ": ",
                                             std::generic_category().message(errno)));
}

// What was put into the file; DataLoss when it is not that any more.
absl::StatusOr<std::string> ReadEntry(const std::string& path) {
  auto content = ReadRegularFile(path, kLargestFile);
  if (!content.ok()) return content;
  if (content->size() >= kDigestBytes &&
      content->compare(0, kDigestBytes, Digest(std::string_view(*content).substr(kDigestBytes))) ==
          0) {
    return content->substr(kDigestBytes);
  }
  return absl::DataLossError(absl::StrCat(path, " is damaged"));
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
      std::error_code unknown;                                  // then Front finds out, and says it
      if (!it->is_regular_file(unknown) && !unknown) continue;  // somebody else's, and never sent
      const std::uintmax_t bytes = it->file_size(unknown);
      waiting_.push_back({name, unknown ? 0 : bytes});
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
  const auto counted = ReadRegularFile(PathOf("dropped"), kLargestFile);
  if (!counted.ok() || !ReadNumber(*counted, dropped_)) dropped_ = 0;
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
    auto bytes = ReadEntry(PathOf(waiting_.front().name));
    if (bytes.ok()) {
      entry.bytes = *std::move(bytes);
      return entry;
    }
    NoteLoss(bytes.status());
    if (absl::IsDataLoss(bytes.status())) {
      DropOldest().IgnoreError();  // even if it stays on the disk: the next one is not kept waiting
    } else {
      Forget();
    }
  }
  return std::nullopt;
}

Spool::Losses Spool::TakeLosses() { return std::exchange(losses_, {}); }

void Spool::NoteLoss(const absl::Status& why) {
  if (losses_.first.empty()) losses_.first = std::string(why.message());
  ++(absl::IsDataLoss(why) ? losses_.damaged : losses_.unreadable);
}

std::string Spool::Forget() {
  const Waiting front = waiting_.front();
  waiting_.pop_front();
  bytes_ -= front.bytes;
  return front.name;
}

absl::Status Spool::RemoveFront() {
  if (waiting_.empty()) return absl::OkStatus();
  return Remove(Forget());
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
  return Failed(PathOf(name), "removed");
}

std::string Spool::PathOf(const std::string& name) const {
  return (fs::path(directory_) / name).string();
}

}  // namespace capacity::reporter
