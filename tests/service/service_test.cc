// The service over a real socket and a real store.
#include <filesystem>
#include <fstream>
#include <thread>

#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "planner/answer/plan.h"
#include "planner/store/maintenance.h"
#include "planner/store/store.h"
#include "planner/wire/error_details.h"
#include "tests/service/live_planner.h"
#include "tests/support/shipped.h"

namespace capacity {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using namespace testing;  // NOLINT(google-build-using-namespace)

class Service : public ::testing::Test {
 protected:
  std::unique_ptr<v1::Agents::Stub> agents() { return v1::Agents::NewStub(planner_.Plaintext()); }
  std::unique_ptr<v1::Planner::Stub> asks() { return v1::Planner::NewStub(planner_.Plaintext()); }

  // Two Mac Studios, cabled.
  void ReportTwoUltras() {
    const auto stub = agents();
    const std::string a = EnrolPlaintext(*stub, "ultra-a");
    const std::string b = EnrolPlaintext(*stub, "ultra-b");
    for (const auto& [id, own, peer] : {std::tuple{a, "A", "B"}, std::tuple{b, "B", "A"}}) {
      v1::SendReportRequest request = Report(id, 1, 1);
      v1::Port& port = *request.mutable_report()->add_ports();
      port.set_kind(v1::Port::KIND_THUNDERBOLT);
      port.set_state(v1::Port::STATE_UP);
      port.set_domain(own);
      port.set_peer_domain(peer);
      ASSERT_EQ(Send(*stub, request), v1::OUTCOME_ACCEPTED);
    }
  }

  static v1::Outcome Send(v1::Agents::Stub& stub, const v1::SendReportRequest& request) {
    grpc::ClientContext context;
    v1::SendReportResponse response;
    const grpc::Status status = stub.SendReport(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.outcome();
  }

  std::string Export() {
    grpc::ClientContext context;
    v1::ExportInventoryResponse response;
    EXPECT_TRUE(asks()->ExportInventory(&context, {}, &response).ok());
    return response.yaml();
  }

  LivePlanner planner_;
};

TEST_F(Service, TheNewestReportWins) {
  const auto stub = agents();
  const std::string id = EnrolPlaintext(*stub, "studio");
  EXPECT_EQ(Send(*stub, Report(id, 5, 2)), v1::OUTCOME_ACCEPTED);
  EXPECT_EQ(Send(*stub, Report(id, 5, 2)), v1::OUTCOME_DUPLICATE);
  EXPECT_EQ(Send(*stub, Report(id, 5, 1)), v1::OUTCOME_STALE);
  EXPECT_EQ(Send(*stub, Report(id, 4, 9)), v1::OUTCOME_STALE) << "an earlier boot, never seen";
  EXPECT_EQ(Send(*stub, Report(id, 6, 1)), v1::OUTCOME_ACCEPTED);
}

TEST_F(Service, AcknowledgedReportsSurviveARestart) {
  ReportTwoUltras();
  const std::string before = Export();
  planner_.Restart();
  EXPECT_EQ(Export(), before);
  EXPECT_THAT(before, HasSubstr("rdma-tb5"));
}

TEST_F(Service, HeartbeatsSayWhatIsWanted) {
  const auto stub = agents();
  const std::string id = EnrolPlaintext(*stub, "studio");
  v1::HeartbeatRequest beat;
  beat.mutable_origin()->set_node_id(id);
  beat.mutable_origin()->set_boot_id(1);
  beat.mutable_origin()->set_sequence(1);
  v1::HeartbeatResponse response;
  grpc::ClientContext first;
  ASSERT_TRUE(stub->Heartbeat(&first, beat, &response).ok());
  EXPECT_TRUE(response.report_wanted());
  Send(*stub, Report(id, 1, 1));
  beat.mutable_origin()->set_sequence(2);
  beat.set_report_boot_id(1);
  beat.set_report_sequence(1);
  grpc::ClientContext second;
  ASSERT_TRUE(stub->Heartbeat(&second, beat, &response).ok());
  EXPECT_FALSE(response.report_wanted());
}

// The heart of the service: one fleet, one answer.
TEST_F(Service, PlansAsFromTheExportedYaml) {
  ReportTwoUltras();
  const std::string yaml = Export();
  v1::Document overlay;
  overlay.set_name("more.yaml");
  overlay.set_text(
      "schema: capacity-planner/what-if/v1\nadd:\n  nodes: [{name: s, machine: dgx-spark}]\n");
  for (const bool what_if : {false, true}) {
    v1::PlanRequest request;
    request.set_budget_usd(10000);
    request.mutable_fleet()->set_text_columns(100);
    if (what_if) *request.mutable_fleet()->add_what_if() = overlay;
    grpc::ClientContext context;
    v1::PlanResponse response;
    const grpc::Status status = asks()->Plan(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.nodes(), what_if ? 3u : 2u);

    answer::PlanQuestion question;
    question.documents = {[&](const std::string& file) {
                            return inventory::ParseDocument(
                                file, file == "more.yaml" ? overlay.text() : yaml,
                                inventory::DocumentLimits{});
                          },
                          "exported.yaml",
                          {}};
    if (what_if) question.documents.overlays = {"more.yaml"};
    question.options.budget = Usd::FromDollars(10000);
    const answer::Facts facts{Shipped(), Fitted()};
    const auto from_yaml = answer::AnswerPlan(facts, question);
    ASSERT_TRUE(from_yaml.value.has_value());
    EXPECT_EQ(response.json(), answer::PlanJson(*from_yaml.value));
    EXPECT_FALSE(response.text().empty());
    EXPECT_EQ(response.rungs_size(), static_cast<int>(from_yaml.value->plan.ladder().rungs.size()));
  }
}

TEST_F(Service, PredictsOnLiveNodesByName) {
  ReportTwoUltras();
  v1::PredictRequest request;
  request.set_model("gpt-oss-120b");
  request.set_quant("mxfp4");
  request.add_nodes("ultra-a");
  request.add_nodes("ultra-b");
  grpc::ClientContext context;
  v1::PredictResponse response;
  const grpc::Status status = asks()->Predict(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(response.fits()) << response.why_not();
  EXPECT_GT(response.decode_tokens_per_second(), 0);
}

TEST_F(Service, BadQuestionsNameEachField) {
  v1::PlanRequest request;
  request.set_budget_usd(-1);
  request.mutable_fleet()->set_text_columns(5);
  grpc::ClientContext context;
  v1::PlanResponse response;
  const grpc::Status status = asks()->Plan(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(wire::ViolationsIn(status.error_details()), SizeIs(2));
}

TEST_F(Service, ProblemsOfAWhatIfAreLocated) {
  v1::PlanRequest request;
  v1::Document& overlay = *request.mutable_fleet()->add_what_if();
  overlay.set_name("mine.yaml");
  overlay.set_text("schema: capacity-planner/what-if/v1\nadd:\n  nodes: [{machine: dgx-sparc}]\n");
  grpc::ClientContext context;
  v1::PlanResponse response;
  const grpc::Status status = asks()->Plan(&context, request, &response);
  const auto violations = wire::ViolationsIn(status.error_details());
  ASSERT_THAT(violations, SizeIs(1));
  EXPECT_EQ(violations[0].field, "fleet.what_if[0].text");
  EXPECT_THAT(violations[0].description, HasSubstr("mine.yaml:3:"));
}

TEST_F(Service, ADocumentCannotTakeTheFleetsPlace) {
  v1::PlanRequest request;
  v1::Document& overlay = *request.mutable_fleet()->add_what_if();
  overlay.set_name("live-fleet.yaml");
  overlay.set_text("schema: capacity-planner/inventory/v1\nnodes: []\n");
  grpc::ClientContext context;
  v1::PlanResponse response;
  EXPECT_EQ(asks()->Plan(&context, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(Service, ListsRenamesAndForgets) {
  ReportTwoUltras();
  v1::ListNodesResponse list;
  grpc::ClientContext first;
  ASSERT_TRUE(asks()->ListNodes(&first, {}, &list).ok());
  ASSERT_EQ(list.nodes_size(), 2);
  EXPECT_EQ(list.nodes(0).name(), "ultra-a");
  EXPECT_EQ(list.nodes(0).machine(), "mac-studio-m3-ultra-512gb");
  EXPECT_EQ(list.nodes(0).health(), v1::HEALTH_FRESH);

  v1::RenameRequest rename;
  rename.set_node("ultra-a");
  rename.set_new_name("ultra-b");
  v1::RenameResponse renamed;
  grpc::ClientContext second;
  EXPECT_EQ(asks()->Rename(&second, rename, &renamed).error_code(),
            grpc::StatusCode::ALREADY_EXISTS);
  rename.set_new_name("attic");
  grpc::ClientContext third;
  EXPECT_TRUE(asks()->Rename(&third, rename, &renamed).ok());
  EXPECT_THAT(Export(), HasSubstr("attic"));

  v1::ForgetRequest forget;
  forget.set_node("attic");
  v1::ForgetResponse forgotten;
  grpc::ClientContext fourth;
  EXPECT_TRUE(asks()->Forget(&fourth, forget, &forgotten).ok());
  EXPECT_THAT(Export(), ::testing::Not(HasSubstr("attic")));
  grpc::ClientContext fifth;
  EXPECT_EQ(asks()->Forget(&fifth, forget, &forgotten).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(Service, WatchersSeeEveryNodeThenChanges) {
  ReportTwoUltras();
  grpc::ClientContext context;
  const auto stub = asks();
  const auto stream = stub->WatchFleet(&context, {});
  v1::WatchFleetResponse event;
  int nodes = 0;
  while (stream->Read(&event) && !event.caught_up()) ++nodes;
  EXPECT_EQ(nodes, 2);
  const auto agent = agents();
  const std::string third = EnrolPlaintext(*agent, "third");
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_EQ(event.node().name(), "third");
  v1::ForgetRequest forget;
  forget.set_node("third");
  v1::ForgetResponse forgotten;
  grpc::ClientContext forget_context;
  ASSERT_TRUE(asks()->Forget(&forget_context, forget, &forgotten).ok());
  do {
    ASSERT_TRUE(stream->Read(&event));
  } while (event.forgotten_node_id().empty());
  EXPECT_EQ(event.forgotten_node_id(), third);
  planner_.Stop();
  while (stream->Read(&event)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(Service, FloodingIsRefusedAndHeartbeatsPass) {
  const auto stub = agents();
  const std::string id = EnrolPlaintext(*stub, "studio");
  int refused = 0;
  for (std::uint64_t i = 1; i <= 200; ++i) {
    grpc::ClientContext context;
    v1::SendReportResponse response;
    const grpc::Status status = stub->SendReport(&context, Report(id, 1, i), &response);
    if (status.ok()) continue;
    ++refused;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_TRUE(wire::RetryDelayMsIn(status.error_details()).has_value());
  }
  EXPECT_GT(refused, 50);
  v1::HeartbeatRequest beat;
  *beat.mutable_origin() = Report(id, 1, 1).origin();
  grpc::ClientContext context;
  v1::HeartbeatResponse response;
  EXPECT_TRUE(stub->Heartbeat(&context, beat, &response).ok());
}

TEST_F(Service, LargeMessagesAreRefused) {
  const auto stub = agents();
  const std::string id = EnrolPlaintext(*stub, "studio");
  v1::SendReportRequest request = Report(id, 1, 1);
  for (int i = 0; i < 400; ++i)
    request.mutable_report()->add_probes()->set_name(std::string(1000, 'x'));
  grpc::ClientContext context;
  v1::SendReportResponse response;
  EXPECT_EQ(stub->SendReport(&context, request, &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(Service, StoppingIsQuickAndLosesNothing) {
  const auto stub = agents();
  const std::string id = EnrolPlaintext(*stub, "studio");
  std::atomic<std::uint64_t> acknowledged{0};
  std::thread load([&] {
    for (std::uint64_t i = 1;; ++i) {
      grpc::ClientContext context;
      v1::SendReportResponse response;
      const grpc::Status status = stub->SendReport(&context, Report(id, 1, i), &response);
      if (status.error_code() == grpc::StatusCode::UNAVAILABLE) return;
      if (status.ok()) acknowledged = i;
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const auto began = std::chrono::steady_clock::now();
  planner_.Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
  load.join();
  planner_.Restart();
  v1::GetNodeRequest request;
  request.set_node("studio");
  v1::GetNodeResponse node;
  grpc::ClientContext context;
  ASSERT_TRUE(asks()->GetNode(&context, request, &node).ok());
  EXPECT_GE(node.summary().report_sequence(), acknowledged.load());
  EXPECT_GT(acknowledged.load(), 0u);
}

// A search that would take for ever, twice, so that every thread for questions has one: others are
// answered meanwhile, and it ends with its caller's patience.
TEST_F(Service, AnEndlessQuestionHoldsUpNobody) {
  ReportTwoUltras();
  const auto ask = [this](double budget) {
    v1::PlanRequest request;
    request.set_budget_usd(budget);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(3));
    v1::PlanResponse response;
    asks()->Plan(&context, request, &response);
  };
  std::thread first([&] { ask(1e9); });
  std::thread second([&] { ask(1e12); });
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  v1::ListNodesResponse nodes;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  EXPECT_TRUE(asks()->ListNodes(&context, v1::ListNodesRequest(), &nodes).ok());
  EXPECT_EQ(nodes.nodes_size(), 2);
  first.join();
  second.join();
  planner_.Stop();  // returns
}

TEST_F(Service, MetricsCountWhatHappened) {
  ReportTwoUltras();
  const std::string text = planner_.server().MetricsText();
  EXPECT_THAT(text, HasSubstr("capacity_reports_total{outcome=\"accepted\"} 2"));
  EXPECT_THAT(text, HasSubstr("capacity_report_durable_seconds_count 2"));
}

TEST_F(Service, OneLinkIsMeasuredAtATime) {
  const auto stub = agents();
  std::vector<std::string> ids;
  for (int i = 1; i <= 3; ++i) {
    ids.push_back(EnrolPlaintext(*stub, "n" + std::to_string(i)));
    v1::SendReportRequest request = Report(ids.back(), 1, 1);
    v1::Port& port = *request.mutable_report()->add_ports();
    port.set_kind(v1::Port::KIND_ETHERNET);
    port.set_state(v1::Port::STATE_UP);
    port.set_negotiated_bits_per_second(10e9);
    port.add_addresses("10.9.0." + std::to_string(i));
    Send(*stub, request);
  }
  std::uint64_t sequence = 0;
  const auto beat = [&](const std::string& id) {
    v1::HeartbeatRequest request;
    request.mutable_origin()->set_node_id(id);
    request.mutable_origin()->set_boot_id(1);
    request.mutable_origin()->set_sequence(++sequence);
    grpc::ClientContext context;
    v1::HeartbeatResponse response;
    EXPECT_TRUE(stub->Heartbeat(&context, request, &response).ok());
    return response.task_waiting();
  };
  const auto poll = [&](const std::string& id) {
    v1::PollTaskRequest request;
    request.set_node_id(id);
    grpc::ClientContext context;
    v1::PollTaskResponse response;
    EXPECT_TRUE(stub->PollTask(&context, request, &response).ok());
    return response;
  };
  std::set<std::pair<std::string, std::string>> measured;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::string> waiting;
    for (int tries = 0; tries < 30 && waiting.empty(); ++tries) {
      for (const std::string& id : ids) {
        if (beat(id)) waiting.push_back(id);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
    ASSERT_THAT(waiting, SizeIs(1)) << "the listener alone, until it listens";
    const v1::PollTaskResponse listen = poll(waiting[0]);
    ASSERT_EQ(listen.task().role(), v1::Task::ROLE_LISTEN);
    EXPECT_EQ(listen.task().secret().size(), 32u);
    v1::UpdateTaskRequest update;
    update.set_node_id(waiting[0]);
    update.set_task_id(listen.task().task_id());
    update.set_state(v1::TASK_STATE_LISTENING);
    update.set_port(5000);
    v1::UpdateTaskResponse updated;
    grpc::ClientContext first;
    ASSERT_TRUE(stub->UpdateTask(&first, update, &updated).ok());
    const std::string connector = listen.task().peer_node_id();
    EXPECT_TRUE(beat(connector));
    const v1::PollTaskResponse connect = poll(connector);
    ASSERT_EQ(connect.task().role(), v1::Task::ROLE_CONNECT);
    EXPECT_EQ(connect.task().port(), 5000u);
    EXPECT_EQ(connect.task().secret(), listen.task().secret());
    ASSERT_EQ(connect.task().addresses_size(), 1);

    v1::SendMeasurementsRequest results;
    results.mutable_origin()->set_node_id(connector);
    results.mutable_origin()->set_boot_id(1);
    results.mutable_origin()->set_sequence(static_cast<std::uint64_t>(round) + 1);
    v1::LinkMeasurement& link = *results.add_links();
    link.set_task_id(connect.task().task_id());
    link.set_peer_node_id(waiting[0]);
    const auto address = [&](const std::string& id) {
      return "10.9.0." + std::to_string(std::find(ids.begin(), ids.end(), id) - ids.begin() + 1);
    };
    link.set_local_address(address(connector));
    link.set_peer_address(connect.task().addresses(0));
    EXPECT_EQ(link.peer_address(), address(waiting[0]));
    link.set_round_trip_median_us(100);
    link.set_send_bits_per_second(9e9);
    link.set_taken_at_unix_ms(store::SystemClock());
    v1::SendMeasurementsResponse sent;
    grpc::ClientContext second;
    const grpc::Status status = stub->SendMeasurements(&second, results, &sent);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(sent.outcome(), v1::OUTCOME_ACCEPTED);
    update.set_node_id(connector);
    update.set_state(v1::TASK_STATE_DONE);
    grpc::ClientContext third;
    ASSERT_TRUE(stub->UpdateTask(&third, update, &updated).ok());
    measured.insert(std::minmax(connector, waiting[0]));
  }
  EXPECT_THAT(measured, SizeIs(3)) << "every pair once";
  EXPECT_THAT(Export(), HasSubstr("round_trip_us: 100"));
}

}  // namespace
}  // namespace capacity
