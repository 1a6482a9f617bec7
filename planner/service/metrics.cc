#include "planner/service/metrics.h"

#include <exception>

#include "absl/strings/str_cat.h"
#include "prometheus/counter.h"
#include "prometheus/exposer.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"

namespace capacity::service {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Histogram;

const Histogram::BucketBoundaries kSeconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                              0.25,  0.5,    1,     2.5,  5,     10,   30};
const Histogram::BucketBoundaries kLagSeconds = {0.01, 0.1, 0.5, 1, 5, 30, 60, 600, 3600, 86400};

}  // namespace

struct Metrics::Families {
  explicit Families(prometheus::Registry& registry)
      : requests(BuildCounter()
                     .Name("capacity_requests_total")
                     .Help("RPCs answered, by method and status code")
                     .Register(registry)),
        reports(BuildCounter()
                    .Name("capacity_reports_total")
                    .Help("Full reports, by what became of them")
                    .Register(registry)),
        refusals(BuildCounter()
                     .Name("capacity_auth_refusals_total")
                     .Help("Callers refused, by reason")
                     .Register(registry)),
        connections(BuildCounter()
                        .Name("capacity_connections_total")
                        .Help("TCP connections, by what the accept loop did with them")
                        .Register(registry)),
        lag(BuildHistogram()
                .Name("capacity_report_lag_seconds")
                .Help("From taking a report, by the node's clock, to its arrival")
                .Register(registry)
                .Add({}, kLagSeconds)),
        durable(BuildHistogram()
                    .Name("capacity_report_durable_seconds")
                    .Help("From a report's arrival to its commit on disk")
                    .Register(registry)
                    .Add({}, kSeconds)),
        questions(BuildHistogram()
                      .Name("capacity_question_seconds")
                      .Help("Time to answer Plan, Fit and Predict")
                      .Register(registry)),
        state(BuildGauge()
                  .Name("capacity_state")
                  .Help("What holds now: nodes, connections, the store")
                  .Register(registry)) {}

  prometheus::Family<prometheus::Counter>& requests;
  prometheus::Family<prometheus::Counter>& reports;
  prometheus::Family<prometheus::Counter>& refusals;
  prometheus::Family<prometheus::Counter>& connections;
  Histogram& lag;
  Histogram& durable;
  prometheus::Family<Histogram>& questions;
  prometheus::Family<prometheus::Gauge>& state;
};

Metrics::Metrics()
    : registry_(std::make_shared<prometheus::Registry>()),
      families_(std::make_unique<Families>(*registry_)) {}
Metrics::~Metrics() = default;

void Metrics::CountRequest(const std::string& method, const std::string& code) {
  families_->requests.Add({{"method", method}, {"code", code}}).Increment();
}
void Metrics::CountReport(const std::string& outcome) {
  families_->reports.Add({{"outcome", outcome}}).Increment();
}
void Metrics::CountRefusal(const std::string& why) {
  families_->refusals.Add({{"why", why}}).Increment();
}
void Metrics::CountConnection(const std::string& what) {
  families_->connections.Add({{"what", what}}).Increment();
}
void Metrics::ObserveReportLag(double seconds) { families_->lag.Observe(seconds); }
void Metrics::ObserveDurable(double seconds) { families_->durable.Observe(seconds); }
void Metrics::ObserveQuestion(const std::string& method, double seconds) {
  families_->questions.Add({{"method", method}}, kSeconds).Observe(seconds);
}
void Metrics::Set(const std::string& gauge, double value) {
  families_->state.Add({{"what", gauge}}).Set(value);
}

absl::Status Metrics::Expose(const std::string& address) {
  constexpr std::size_t kThreads = 1;
  try {
    exposer_ = std::make_unique<prometheus::Exposer>(address, kThreads);
  } catch (const std::exception&) {
    // The library says nothing that helps.
    return absl::UnavailableError(absl::StrCat("--metrics ", address,
                                               ": cannot listen there; is the address in use? "
                                               "another one, or --metrics \"\" for none"));
  }
  exposer_->RegisterCollectable(registry_);
  return absl::OkStatus();
}

std::string Metrics::Text() const {
  return prometheus::TextSerializer().Serialize(registry_->Collect());
}

}  // namespace capacity::service
