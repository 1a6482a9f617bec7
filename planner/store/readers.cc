#include "planner/store/readers.h"

#include <utility>

#include "planner/store/location.h"

namespace capacity::store {
namespace {

constexpr int kConnections = 4;  // each has a page cache of up to 2 MB

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Readers::Borrow() {
  std::unique_lock lock(mutex_);
  returned_.wait(lock, [this] { return lent_ < kConnections; });
  ++lent_;
  if (!free_.empty()) {
    std::unique_ptr<Database> database = std::move(free_.back());
    free_.pop_back();
    return database;
  }
  lock.unlock();
  auto opened = OpenForReading(directory_);
  if (!opened.ok()) {
    lock.lock();
    --lent_;
    returned_.notify_one();
  }
  return opened;
}

void Readers::Close() {
  const std::lock_guard lock(mutex_);
  free_.clear();
}

void Readers::Return(std::unique_ptr<Database> database) {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(database));
  --lent_;
  returned_.notify_one();
}

}  // namespace capacity::store
