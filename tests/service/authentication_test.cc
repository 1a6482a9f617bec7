// Who is let in: every way that must be refused, each against the real server over TLS.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "planner/pki/token.h"
#include "planner/service/state_directory.h"
#include "planner/store/store.h"
#include "tests/service/live_planner.h"

namespace capacity {
namespace {

using grpc::StatusCode;
using namespace testing;  // NOLINT(google-build-using-namespace)

constexpr std::int64_t kHourMs = 3'600'000;

// One planner with an authority for all cases; each makes its own nodes.
class Authentication : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { planner_ = new LivePlanner(LiveOptions{.tls = true}); }
  static void TearDownTestSuite() { delete planner_; }

  static std::unique_ptr<store::Store> Beside() {
    store::Options options;
    options.directory = planner_->state();
    return *store::Store::OpenBeside(std::move(options));
  }

  static pki::Credential Authority() {
    return service::LoadAuthority(planner_->state())->authority;
  }

  static std::string Unique(const std::string& stem) {
    static int count = 0;
    return stem + "-" + std::to_string(++count);
  }

  static EnrolledNode Node() {
    EnrolledNode node = EnrolTls(*planner_, planner_->Token(kHourMs), Unique("node"));
    EXPECT_TRUE(node.status.ok()) << node.status.error_message();
    return node;
  }

  // A credential of this authority that the store knows of.
  static pki::Credential Client(pki::Role role, std::int64_t life_ms = kHourMs, bool known = true) {
    const auto credential = pki::CreateClientCredential(Authority(), role, Unique("client"),
                                                        store::SystemClock(), life_ms);
    EXPECT_TRUE(credential.ok());
    if (known) {
      const auto identity = pki::ParseCertificate(credential->certificate_pem);
      EXPECT_TRUE(Beside()->AddCertificate(service::RecordOf(*identity)).ok());
    }
    return *credential;
  }

  static grpc::Status SendAs(const std::shared_ptr<grpc::Channel>& channel,
                             const std::string& node_id) {
    grpc::ClientContext context;
    Deadline(context);
    v1::SendReportResponse response;
    return v1::Agents::NewStub(channel)->SendReport(&context, Report(node_id, 1, 1), &response);
  }

  static void Deadline(grpc::ClientContext& context) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
  }

  // Every method of both services, empty but for the node it claims to be about.
  struct Called {
    const char* method;
    grpc::Status status;
  };
  template <class Stub, class Request, class Response>
  static void CallOne(std::vector<Called>& out, const char* name, Stub& stub,
                      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                      const Request& request) {
    grpc::ClientContext context;
    Deadline(context);
    Response response;
    out.push_back({name, (stub.*method)(&context, request, &response)});
  }
  static std::vector<Called> AgentMethods(const std::shared_ptr<grpc::Channel>& channel,
                                          const std::string& node_id) {
    const auto stub = v1::Agents::NewStub(channel);
    std::vector<Called> out;
    using Stub = v1::Agents::Stub;
    v1::Origin origin;
    origin.set_node_id(node_id);
    origin.set_boot_id(1);
    origin.set_sequence(1);
    v1::HeartbeatRequest heartbeat;
    *heartbeat.mutable_origin() = origin;
    v1::SendMeasurementsRequest measurements;
    *measurements.mutable_origin() = origin;
    measurements.add_links()->set_peer_node_id("x");
    v1::PollTaskRequest poll;
    poll.set_node_id(node_id);
    v1::UpdateTaskRequest update;
    update.set_node_id(node_id);
    update.set_task_id("t");
    update.set_state(v1::TASK_STATE_DONE);
    v1::RenewRequest renew;
    renew.set_node_id(node_id);
    renew.set_csr_pem(*pki::CreateSigningRequest(*pki::CreateKey()));
    CallOne(out, "SendReport", *stub, &Stub::SendReport, Report(node_id, 1, 1));
    CallOne(out, "Heartbeat", *stub, &Stub::Heartbeat, heartbeat);
    CallOne(out, "SendMeasurements", *stub, &Stub::SendMeasurements, measurements);
    CallOne(out, "PollTask", *stub, &Stub::PollTask, poll);
    CallOne(out, "UpdateTask", *stub, &Stub::UpdateTask, update);
    CallOne(out, "Renew", *stub, &Stub::Renew, renew);
    return out;
  }
  static std::vector<Called> Questions(const std::shared_ptr<grpc::Channel>& channel) {
    const auto stub = v1::Planner::NewStub(channel);
    std::vector<Called> out;
    using Stub = v1::Planner::Stub;
    v1::PredictRequest predict;
    predict.set_model("gpt-oss-20b");
    predict.set_quant("mxfp4");
    predict.add_nodes("dgx-spark");
    v1::GetNodeRequest get;
    get.set_node("nobody");
    CallOne(out, "Plan", *stub, &Stub::Plan, v1::PlanRequest());
    CallOne(out, "Predict", *stub, &Stub::Predict, predict);
    CallOne(out, "ListNodes", *stub, &Stub::ListNodes, v1::ListNodesRequest());
    CallOne(out, "GetNode", *stub, &Stub::GetNode, get);
    CallOne(out, "ExportInventory", *stub, &Stub::ExportInventory, v1::ExportInventoryRequest());
    v1::FitRequest fit;
    fit.add_models("gpt-oss-20b");
    CallOne(out, "Fit", *stub, &Stub::Fit, fit);
    grpc::ClientContext context;
    Deadline(context);
    v1::WatchFleetResponse event;
    const auto stream = stub->WatchFleet(&context, {});
    if (stream->Read(&event)) context.TryCancel();
    out.push_back({"WatchFleet", stream->Finish()});
    return out;
  }
  static std::vector<Called> Administration(const std::shared_ptr<grpc::Channel>& channel) {
    const auto stub = v1::Planner::NewStub(channel);
    std::vector<Called> out;
    using Stub = v1::Planner::Stub;
    v1::ForgetRequest forget;
    forget.set_node("nobody");
    v1::RenameRequest rename;
    rename.set_node("nobody");
    rename.set_new_name("somebody");
    CallOne(out, "Forget", *stub, &Stub::Forget, forget);
    CallOne(out, "Rename", *stub, &Stub::Rename, rename);
    return out;
  }

  static void ExpectRefused(const std::vector<Called>& calls, StatusCode code) {
    for (const Called& call : calls) {
      EXPECT_EQ(call.status.error_code(), code)
          << call.method << ": " << call.status.error_message();
      // What the planner itself refuses says so in its details as well; the wire does not.
      if (code != StatusCode::UNAVAILABLE) {
        EXPECT_NE(call.status.error_details(), "") << call.method;
      }
    }
  }
  static void ExpectLetIn(const std::vector<Called>& calls) {
    for (const Called& call : calls) {
      EXPECT_NE(call.status.error_code(), StatusCode::UNAUTHENTICATED) << call.method;
      EXPECT_NE(call.status.error_code(), StatusCode::PERMISSION_DENIED) << call.method;
      EXPECT_NE(call.status.error_code(), StatusCode::UNAVAILABLE) << call.method;
    }
  }

  static LivePlanner* planner_;
};
LivePlanner* Authentication::planner_ = nullptr;

// ---------------------------------------------------------------- what is let in

TEST_F(Authentication, ANodeWritesItself) {
  const EnrolledNode node = Node();
  ExpectLetIn(AgentMethods(planner_->Tls(node.credential), node.node_id));
}

TEST_F(Authentication, ReadersAskAndAdminsAlsoChange) {
  ExpectLetIn(Questions(planner_->Tls(Client(pki::Role::kReader))));
  ExpectLetIn(Questions(planner_->Tls(Client(pki::Role::kAdmin))));
  ExpectLetIn(Administration(planner_->Tls(Client(pki::Role::kAdmin))));
}

TEST_F(Authentication, OnThisMachineAskingNeedsNoCertificate) {
  ExpectLetIn(Questions(planner_->Tls()));
}

TEST_F(Authentication, ARenewedCertificateWorksAndSoDoesTheOneBefore) {
  const EnrolledNode node = Node();
  const std::string key = *pki::CreateKey();
  v1::RenewRequest request;
  request.set_node_id(node.node_id);
  request.set_csr_pem(*pki::CreateSigningRequest(key));
  grpc::ClientContext context;
  v1::RenewResponse response;
  const grpc::Status status =
      v1::Agents::NewStub(planner_->Tls(node.credential))->Renew(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(SendAs(planner_->Tls({response.certificate_pem(), key}), node.node_id).ok());
  EXPECT_TRUE(SendAs(planner_->Tls(node.credential), node.node_id).ok());
}

// ---------------------------------------------------------------- certificates refused

// 6 + 2 cases.
TEST_F(Authentication, WithoutACertificateNobodyWrites) {
  ExpectRefused(AgentMethods(planner_->Tls(), "some-node"), StatusCode::UNAUTHENTICATED);
  ExpectRefused(Administration(planner_->Tls()), StatusCode::UNAUTHENTICATED);
}

// 6 cases.
TEST_F(Authentication, ANodeWritesNoOther) {
  const EnrolledNode node = Node();
  const EnrolledNode other = Node();
  ExpectRefused(AgentMethods(planner_->Tls(node.credential), other.node_id),
                StatusCode::PERMISSION_DENIED);
}

// 7 + 2 cases.
TEST_F(Authentication, ANodeNeitherAsksNorAdministers) {
  const EnrolledNode node = Node();
  ExpectRefused(Questions(planner_->Tls(node.credential)), StatusCode::PERMISSION_DENIED);
  ExpectRefused(Administration(planner_->Tls(node.credential)), StatusCode::PERMISSION_DENIED);
}

// 5 + 2 + 5 cases.
TEST_F(Authentication, ReadersAndAdminsWriteNoNode) {
  const EnrolledNode node = Node();
  for (const pki::Role role : {pki::Role::kReader, pki::Role::kAdmin}) {
    std::vector<Called> calls = AgentMethods(planner_->Tls(Client(role)), node.node_id);
    calls.pop_back();  // Renew is for everyone's own certificate
    ExpectRefused(calls, StatusCode::PERMISSION_DENIED);
  }
  ExpectRefused(Administration(planner_->Tls(Client(pki::Role::kReader))),
                StatusCode::PERMISSION_DENIED);
}

// 6 cases.
TEST_F(Authentication, ARevokedNodeIsRefusedFromTheNextCallOn) {
  const EnrolledNode node = Node();
  const auto channel = planner_->Tls(node.credential);
  ASSERT_TRUE(SendAs(channel, node.node_id).ok());
  ASSERT_TRUE(Beside()->RevokeNode(node.node_id).ok());
  ExpectRefused(AgentMethods(channel, node.node_id), StatusCode::UNAUTHENTICATED);
}

TEST_F(Authentication, AForgottenNodeIsRefused) {
  const EnrolledNode node = Node();
  ASSERT_TRUE(Beside()->Forget(node.node_id).ok());
  EXPECT_EQ(SendAs(planner_->Tls(node.credential), node.node_id).error_code(),
            StatusCode::UNAUTHENTICATED);
}

TEST_F(Authentication, ARevokedReaderIsRefused) {
  const pki::Credential reader = Client(pki::Role::kReader);
  const auto identity = pki::ParseCertificate(reader.certificate_pem);
  ASSERT_TRUE(Beside()->RevokeCertificate(identity->serial).ok());
  ExpectRefused(Questions(planner_->Tls(reader)), StatusCode::UNAUTHENTICATED);
}

TEST_F(Authentication, ACertificateThatTheStoreNeverSawIsRefused) {
  ExpectRefused(Questions(planner_->Tls(Client(pki::Role::kReader, kHourMs, /*known=*/false))),
                StatusCode::UNAUTHENTICATED);
}

TEST_F(Authentication, AnExpiredCertificateIsRefused) {
  const auto then = store::SystemClock() - 10 * kHourMs;
  const auto expired =
      pki::CreateClientCredential(Authority(), pki::Role::kAdmin, "late", then, kHourMs);
  ASSERT_TRUE(expired.ok()) << expired.status();
  for (const Called& call : Questions(planner_->Tls(*expired))) {
    EXPECT_NE(call.status.error_code(), StatusCode::OK) << call.method;
  }
}

TEST_F(Authentication, AnotherAuthoritysCertificateIsRefused) {
  const auto other = pki::CreateAuthority("other", store::SystemClock());
  const auto admin = pki::CreateClientCredential(*other, pki::Role::kAdmin, "local-admin",
                                                 store::SystemClock(), kHourMs);
  for (const Called& call : Administration(planner_->Tls(*admin))) {
    EXPECT_EQ(call.status.error_code(), StatusCode::UNAVAILABLE) << call.method;
  }
}

TEST_F(Authentication, TheServersOwnCertificateIsNoClient) {
  const auto own = service::LoadAuthority(planner_->state());
  for (const Called& call : Administration(planner_->Tls(own->server))) {
    EXPECT_NE(call.status.error_code(), StatusCode::OK) << call.method;
    EXPECT_NE(call.status.error_code(), StatusCode::NOT_FOUND) << call.method;
  }
}

TEST_F(Authentication, TheAuthoritysCertificateIsNoClient) {
  for (const Called& call : Administration(planner_->Tls(Authority()))) {
    EXPECT_NE(call.status.error_code(), StatusCode::OK) << call.method;
    EXPECT_NE(call.status.error_code(), StatusCode::NOT_FOUND) << call.method;
  }
}

TEST_F(Authentication, PlaintextIsRefused) {
  for (const Called& call : AgentMethods(planner_->Plaintext(), "some-node")) {
    EXPECT_EQ(call.status.error_code(), StatusCode::UNAVAILABLE) << call.method;
  }
}

// ---------------------------------------------------------------- join tokens refused

TEST_F(Authentication, TokensAreForOneUseOneNameOneTime) {
  const std::string token = planner_->Token(kHourMs);
  const EnrolledNode first = EnrolTls(*planner_, token, Unique("node"));
  ASSERT_TRUE(first.status.ok());
  const auto refusal_of = [](const std::string& text) {
    const grpc::Status status = EnrolTls(*planner_, text, Unique("node")).status;
    EXPECT_EQ(status.error_code(), StatusCode::UNAUTHENTICATED) << status.error_message();
    return status.error_message();
  };
  EXPECT_THAT(refusal_of(token), ::testing::HasSubstr("was used already")) << "by another key";
  const std::string other_name = refusal_of(planner_->Token(kHourMs, "only-this"));
  EXPECT_THAT(other_name, ::testing::HasSubstr("is for a node with another name than \"node"));
  EXPECT_THAT(other_name, ::testing::Not(::testing::HasSubstr("only-this")))
      << "the name protects a stolen token";
  const std::string brief = planner_->Token(1);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_THAT(refusal_of(brief), ::testing::HasSubstr("has expired"));
  // Who guesses learns nothing.
  const std::string unknown = pki::Format(*pki::CreateJoinToken(std::string(32, 'x')));
  EXPECT_THAT(refusal_of(unknown), ::testing::HasSubstr("is not valid for this"));
  for (const std::string bad : {"", "cpjt_", "x", "cpjt_AAAA.BBBB"}) {
    EXPECT_EQ(EnrolTls(*planner_, bad, Unique("node")).status.error_code(),
              StatusCode::INVALID_ARGUMENT)
        << bad;
  }
}

TEST_F(Authentication, ALostAnswerMayBeAskedForAgain) {
  const std::string token = planner_->Token(kHourMs);
  const std::string name = Unique("node");
  const EnrolledNode first = EnrolTls(*planner_, token, name);
  const EnrolledNode again = EnrolTls(*planner_, token, name, first.credential.key_pem);
  EXPECT_TRUE(again.status.ok()) << again.status.error_message();
  EXPECT_EQ(again.node_id, first.node_id);
}

TEST_F(Authentication, ANameWithAnotherKeyIsTaken) {
  const std::string name = Unique("node");
  ASSERT_TRUE(EnrolTls(*planner_, planner_->Token(kHourMs), name).status.ok());
  EXPECT_EQ(EnrolTls(*planner_, planner_->Token(kHourMs), name).status.error_code(),
            StatusCode::ALREADY_EXISTS);
}

TEST_F(Authentication, RequestsThatAreNoneAreRefused) {
  for (const std::string bad : {"", "x", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"}) {
    v1::EnrolRequest request;
    request.set_join_token(planner_->Token(kHourMs));
    request.set_node_name(Unique("node"));
    request.set_csr_pem(bad);
    grpc::ClientContext context;
    v1::EnrolResponse response;
    EXPECT_EQ(
        v1::Agents::NewStub(planner_->Tls())->Enrol(&context, request, &response).error_code(),
        StatusCode::INVALID_ARGUMENT);
  }
}

// ---------------------------------------------------------------- downgrades

// What a TLS server answers to these first bytes; empty: it closed the connection.
std::string Answer(int port, const std::string& bytes) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  char buffer[4096];
  const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
  close(fd);
  return got > 0 ? std::string(buffer, static_cast<std::size_t>(got)) : "";
}

// A ClientHello of this version with one old cipher suite (TLS_RSA_WITH_AES_128_CBC_SHA).
std::string ClientHello(char minor) {
  std::string hello = {3, minor};
  hello += std::string(32, 'r');
  hello += std::string({0, 0, 2, 0, 0x2f, 1, 0});
  std::string handshake = {1, 0, 0, static_cast<char>(hello.size())};
  handshake += hello;
  std::string record = {22, 3, minor, 0, static_cast<char>(handshake.size())};
  return record + handshake;
}

TEST_F(Authentication, OldTlsIsRefused) {
  for (const char minor : {0, 1, 2}) {  // SSL 3, TLS 1.0, TLS 1.1
    const std::string answer = Answer(planner_->port(), ClientHello(minor));
    // An alert, or nothing; never a ServerHello.
    EXPECT_TRUE(answer.empty() || answer[0] == 21) << int{minor} << ": " << int{answer[0]};
  }
}

TEST_F(Authentication, PlainHttpIsClosed) {
  EXPECT_EQ(Answer(planner_->port(), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "");
  EXPECT_EQ(Answer(planner_->port(), "GET / HTTP/1.1\r\n\r\n"), "");
}

}  // namespace
}  // namespace capacity
