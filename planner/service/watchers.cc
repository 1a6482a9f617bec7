#include "planner/service/watchers.h"

#include <utility>

namespace capacity::service {

class Watchers::Stream final : public grpc::ServerWriteReactor<v1::WatchFleetResponse> {
 public:
  Stream(Watchers& watchers, const Call& call) : watchers_(watchers), call_(call) {}

  void Begin(std::set<std::string> all) {
    const std::lock_guard<std::mutex> lock(mutex_);
    dirty_.merge(all);
    Next();
  }

  void Changed(const std::vector<std::string>& node_ids) {
    const std::lock_guard<std::mutex> lock(mutex_);
    dirty_.insert(node_ids.begin(), node_ids.end());
    if (!writing_) Next();
  }

  void End(const grpc::Status& status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    EndLocked(status);
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    writing_ = false;
    if (!ok) {
      EndLocked(grpc::Status(grpc::StatusCode::CANCELLED, "the caller is gone"));
      return;
    }
    Next();
  }
  void OnCancel() override { End(grpc::Status(grpc::StatusCode::CANCELLED, "cancelled")); }
  void OnDone() override {
    watchers_.Remove(this);
    delete this;
  }

 private:
  // Sends the next event, if any. With the lock.
  void Next() {
    while (!ended_ && !writing_) {
      if (dirty_.empty()) {
        if (caught_up_) return;
        caught_up_ = true;
        event_.Clear();
        event_.set_caught_up(true);
      } else {
        const std::string node_id = *dirty_.begin();
        dirty_.erase(dirty_.begin());
        event_.Clear();
        const auto node = watchers_.context_.store.GetNode(node_id);
        if (node.ok()) {
          auto summary = watchers_.context_.fleet.Summary(*node);
          if (!summary.ok()) continue;
          *event_.mutable_node() = *std::move(summary);
        } else {
          event_.set_forgotten_node_id(node_id);
        }
      }
      writing_ = true;
      StartWrite(&event_);
    }
  }

  void EndLocked(const grpc::Status& status) {
    if (ended_) return;
    ended_ = true;
    watchers_.context_.metrics.CountRequest(Name(call_.method), "ended");
    Finish(WithDetails(status));
  }

  Watchers& watchers_;
  const Call call_;
  std::mutex mutex_;
  std::set<std::string> dirty_;
  v1::WatchFleetResponse event_;
  bool writing_ = false;
  bool ended_ = false;
  bool caught_up_ = false;
};

grpc::ServerWriteReactor<v1::WatchFleetResponse>* Watchers::Add(const Call& call) {
  auto* stream = new Stream(*this, call);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    streams_.insert(stream);
  }
  std::set<std::string> all;
  const auto nodes = context_.store.ListNodes();
  if (!nodes.ok()) {
    stream->End(ToGrpc(nodes.status()));
    return stream;
  }
  for (const store::NodeRecord& node : *nodes) all.insert(node.node_id);
  stream->Begin(std::move(all));
  return stream;
}

grpc::ServerWriteReactor<v1::WatchFleetResponse>* Watchers::Refuse(const grpc::Status& status) {
  class Refused final : public grpc::ServerWriteReactor<v1::WatchFleetResponse> {
   public:
    explicit Refused(const grpc::Status& why) { Finish(WithDetails(why)); }
    void OnDone() override { delete this; }
  };
  return new Refused(status);
}

void Watchers::Changed(const std::vector<std::string>& node_ids) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Stream* stream : streams_) stream->Changed(node_ids);
}

void Watchers::Stop() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Stream* stream : streams_) {
    stream->End(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the planner is stopping"));
  }
}

void Watchers::Remove(Stream* stream) {
  const std::lock_guard<std::mutex> lock(mutex_);
  streams_.erase(stream);
}

}  // namespace capacity::service
