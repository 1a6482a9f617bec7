// The planner as a server: store, services, accept loop and metrics put together.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "capacity/v1/planner.pb.h"
#include "planner/answer/question.h"
#include "planner/service/listener.h"

namespace capacity::service {

struct ServerOptions {
  std::string state_directory;
  std::vector<std::string> listen = {"127.0.0.1:7443"};  // HOST:PORT; port 0: any free one
  std::string metrics = "127.0.0.1:7444";                // HOST:PORT of loopback; empty: none
  bool require_tls = false;                              // also on loopback
  std::vector<v1::Document> overlays;                    // what-ifs that apply to every question
  ListenerLimits limits;
  bool measure_links = true;
};

class Server {
 public:
  // Serves when it returns. FailedPrecondition: an address other than loopback without an
  // authority, or the store is in use; Unavailable: a port is taken, the disk refuses.
  // `facts` must outlive the server.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const answer::Facts& facts,
                                                       ServerOptions options);
  // Stops if that was not done.
  ~Server();

  // Of each address of ServerOptions::listen.
  std::vector<int> ports() const;

  // The metrics as text.
  std::string MetricsText() const;

  // Refuses new calls, lets those under way end for at most three seconds, then ends them. What was
  // acknowledged is on disk.
  void Stop();

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace capacity::service
