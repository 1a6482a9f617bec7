// What the server counts, for Prometheus (docs/service.md lists every name).
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"

namespace prometheus {
class Registry;
class Exposer;
}  // namespace prometheus

namespace capacity::service {

class Metrics {
 public:
  Metrics();
  ~Metrics();

  void CountRequest(const std::string& method, const std::string& code);
  void CountReport(const std::string& outcome);   // accepted, duplicate, stale, failed
  void CountRefusal(const std::string& why);      // of authentication and authorization
  void CountConnection(const std::string& what);  // accepted, idle, cap, plaintext, ...
  void ObserveReportLag(double seconds);          // from the node's clock to the planner's
  void ObserveQuestion(const std::string& method, double seconds);
  void ObserveDurable(double seconds);  // from a report's arrival to its commit
  void Set(const std::string& gauge, double value);

  // Serves /metrics over HTTP on `address` ("127.0.0.1:7444"). Unavailable when the port is taken.
  absl::Status Expose(const std::string& address);

  // In the text format, for tests.
  std::string Text() const;

 private:
  struct Families;
  std::shared_ptr<prometheus::Registry> registry_;
  std::unique_ptr<Families> families_;
  std::unique_ptr<prometheus::Exposer> exposer_;
};

}  // namespace capacity::service
