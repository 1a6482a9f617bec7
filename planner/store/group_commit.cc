#include "planner/store/group_commit.h"

#include <future>
#include <utility>

namespace capacity::store {
namespace {

using SteadyClock = std::chrono::steady_clock;

// One transaction takes at most this much: it is held in memory until it commits, and those who
// came first wait for all of it.
constexpr std::size_t kGroupWrites = 1024;
constexpr std::size_t kGroupBytes = std::size_t{8} << 20;

double SecondsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

// Would each write of the group, alone, fail in the same way?
bool ConcernsTheDisk(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDataLoss(status);
}

}  // namespace

GroupCommit::GroupCommit(std::unique_ptr<Database> database, Options options)
    : database_(std::move(database)),
      options_(std::move(options)),
      next_periodic_(SteadyClock::now() + options_.period),
      thread_([this] { Loop(); }) {}

GroupCommit::~GroupCommit() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void GroupCommit::Submit(Write write) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < options_.waiting_writes) {
      waiting_.push_back(std::move(write));
      write.finish = nullptr;
    }
  }
  if (write.finish) {
    write.finish(absl::UnavailableError("store: too many writes wait for the disk"));
    return;
  }
  wake_.notify_one();
}

absl::Status GroupCommit::Run(std::function<void(Database&, std::set<std::string>&)> apply) {
  std::promise<absl::Status> committed;
  Submit({.apply = std::move(apply),
          .finish = [&committed](const absl::Status& status) { committed.set_value(status); }});
  return committed.get_future().get();
}

GroupCommit::Figures GroupCommit::GetFigures() const {
  const std::lock_guard lock(mutex_);
  Figures figures = figures_;
  figures.waiting = waiting_.size();
  return figures;
}

void GroupCommit::Loop() {
  while (true) {
    Group group = NextGroup();
    const bool ending = group.empty() && !PeriodicIsDue();
    if (ending || PeriodicIsDue()) {
      next_periodic_ = SteadyClock::now() + options_.period;
      if (Write write = options_.periodic(); write.apply) group.push_back(std::move(write));
    }
    if (!group.empty()) Commit(std::move(group));
    if (ending) return;
  }
}

bool GroupCommit::PeriodicIsDue() const { return SteadyClock::now() >= next_periodic_; }

// Waits until there is something to write. Empty when the periodic write is due, or at the end.
GroupCommit::Group GroupCommit::NextGroup() {
  std::unique_lock lock(mutex_);
  wake_.wait_until(lock, next_periodic_, [this] { return ending_ || !waiting_.empty(); });
  Group group;
  std::size_t bytes = 0;
  while (!waiting_.empty() && group.size() < kGroupWrites && bytes < kGroupBytes) {
    bytes += waiting_.front().bytes;
    group.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return group;
}

absl::Status GroupCommit::TryCommit(const Group& group, std::set<std::string>& changed) {
  database_->Begin();
  for (const Write& write : group) {
    if (database_->failed()) break;
    write.apply(*database_, changed);
  }
  return database_->Commit();
}

void GroupCommit::Commit(Group group) {
  const SteadyClock::time_point start = SteadyClock::now();
  std::set<std::string> changed;
  const absl::Status status = TryCommit(group, changed);
  if (!status.ok() && group.size() > 1 && !ConcernsTheDisk(status)) {
    // One of them is to blame; the others shall not suffer for it.
    for (Write& write : group) {
      Group alone;
      alone.push_back(std::move(write));
      Commit(std::move(alone));
    }
    return;
  }
  Record(status, group.size(), SecondsSince(start));
  Finish(group, status, changed);
}

void GroupCommit::Record(const absl::Status& status, std::size_t writes, double seconds) {
  const std::lock_guard lock(mutex_);
  figures_.last = status;
  figures_.last_seconds = seconds;
  figures_.seconds += seconds;
  if (status.ok()) {
    ++figures_.commits;
    figures_.writes += static_cast<std::int64_t>(writes);
  } else {
    ++figures_.failed;
  }
}

void GroupCommit::Finish(const Group& group, const absl::Status& status,
                         const std::set<std::string>& changed) const {
  // First, so that whoever waited for the write sees its effect everywhere.
  if (status.ok() && options_.changed && !changed.empty()) {
    options_.changed({changed.begin(), changed.end()});
  }
  for (const Write& write : group) write.finish(status);
}

}  // namespace capacity::store
