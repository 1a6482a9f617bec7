// Who follows the fleet, and what they have not been told yet.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "capacity/v1/planner.pb.h"
#include "grpcpp/support/server_callback.h"
#include "planner/service/rpc.h"

namespace capacity::service {

class Watchers {
 public:
  explicit Watchers(Context& context) : context_(context) {}

  // A stream that sends every node once and then each change. A slow reader misses what lay
  // between, never the latest: what waits is a set of nodes, not a queue of events.
  grpc::ServerWriteReactor<v1::WatchFleetResponse>* Add(const Call& call);
  // A stream that only ends.
  static grpc::ServerWriteReactor<v1::WatchFleetResponse>* Refuse(const grpc::Status& status);

  void Changed(const std::vector<std::string>& node_ids);
  // Ends every stream with UNAVAILABLE.
  void Stop();

 private:
  class Stream;
  void Remove(Stream* stream);

  Context& context_;
  std::mutex mutex_;
  std::set<Stream*> streams_;
};

}  // namespace capacity::service
