// A planner that remembers what it was told and answers what a test wants. It has a real authority
// and speaks real gRPC, in TLS or in plaintext.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "capacity/v1/planner.pb.h"
#include "node-agent/reporter/first_contact.h"
#include "planner/pki/certificate.h"

namespace capacity::reporter::testing {

class FakePlanner {
 public:
  enum class Security { kTls, kPlaintext };

  // Listens on 127.0.0.1; `port` 0 chooses one.
  explicit FakePlanner(Security security, int port = 0);
  ~FakePlanner();

  Address address() const;
  std::string NewToken();
  void Stop();  // connections end; address() stays
  void Start();

  struct Told {
    std::vector<v1::EnrolRequest> enrolments;
    std::vector<v1::SendReportRequest> reports;  // every delivery, also repeated ones
    std::vector<v1::HeartbeatRequest> heartbeats;
    std::vector<v1::UpdateTaskRequest> updates;
    std::vector<v1::SendMeasurementsRequest> measurements;
    std::vector<std::string> refusals;
    int renewals = 0;
    std::string last_certificate_id;  // of the peer of the last report; empty: no certificate
  };
  Told told() const;

  // Waits until `holds` of what was told; false after ten seconds.
  bool WaitFor(const std::function<bool(const Told&)>& holds) const;

  // What the next calls are answered; {0, ""} is OK, RESOURCE_EXHAUSTED asks to wait for 100 ms.
  void AnswerEnrolments(int code, const std::string& message);
  void AnswerReports(int code, const std::string& message);
  void AnswerHeartbeats(int code, const std::string& message, bool report_wanted = false);
  void AnswerMeasurements(int code, const std::string& message);
  // Takes one report in `interval`, and asks those that come earlier to wait until then.
  void LimitReports(std::chrono::milliseconds interval);
  // Who is enrolled is refused until it enrols again.
  void ForgetNodes();
  void SetCertificateLife(std::int64_t life_ms);
  // The next heartbeat is told of it; it is over when an update says anything but listening, or
  // EndTask.
  void GiveTask(v1::Task task);
  void EndTask();
  // Answers reports, and measurements, which are told of before, only after this long.
  void SetDelay(std::chrono::milliseconds delay);

 private:
  class Service;
  const Security security_;
  pki::Credential authority_;
  pki::Credential server_;
  std::unique_ptr<Service> service_;
  std::shared_ptr<void> running_;  // the grpc::Server
  int port_ = 0;
};

}  // namespace capacity::reporter::testing
