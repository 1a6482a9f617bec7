// The real binary against a running planner.
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/service/live_planner.h"
#include "tests/support/json_schema.h"
#include "tests/support/program.h"

namespace capacity {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using namespace testing;  // NOLINT(google-build-using-namespace)

json ExpectSchema(const Ran& ran) {
  const json document = json::parse(ran.out, nullptr, false);
  EXPECT_FALSE(document.is_discarded()) << ran.out << ran.err;
  if (document.is_discarded()) return {};
  std::ifstream file(std::string(CAPACITY_SOURCE_DIR) + "/inventories/schema/output/" +
                     document.value("kind", "") + ".schema.json");
  EXPECT_TRUE(file) << document.value("kind", "");
  EXPECT_THAT(SchemaViolations(json::parse(file), document), IsEmpty());
  return document;
}

class Commands : public ::testing::Test {
 protected:
  Commands() {
    const auto stub = v1::Agents::NewStub(planner_.Plaintext());
    for (const char* name : {"ultra-a", "ultra-b"}) {
      const std::string id = EnrolPlaintext(*stub, name);
      grpc::ClientContext context;
      v1::SendReportResponse response;
      EXPECT_TRUE(stub->SendReport(&context, Report(id, 1, 1), &response).ok());
    }
    EnrolPlaintext(*stub, "silent");
  }

  Ran Ask(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--planner", planner_.address()});
    return Planner(arguments, {"HOME=/nonexistent"});
  }

  LivePlanner planner_;
};

TEST_F(Commands, PlanOfTheLiveFleetIsThePlanOfItsExport) {
  const Ran exported = Ask({"inventory", "export"});
  ASSERT_EQ(exported.exit_code, 0) << exported.err;
  EXPECT_THAT(exported.out, HasSubstr("# silent: no report yet"));
  const std::string file = TempFile(exported.out);
  const Ran checked = Planner({"inventory", "check", file});
  EXPECT_EQ(checked.exit_code, 0) << checked.err;
  const std::string what_if = TempFile(
      "schema: capacity-planner/what-if/v1\nchange:\n  nodes: {ultra-a: {memory_used: 20 GiB}}\n");
  for (const std::vector<std::string>& question :
       {std::vector<std::string>{"plan", "--budget", "10000", "--output", "json"},
        {"plan", "--budget", "10000"},
        {"plan", "--budget", "10000", "--what-if", what_if, "--output", "json"},
        {"plan", "--budget", "10000", "--explain", "1", "--output", "json"},
        {"fit", "--model", "gpt-oss-120b", "--output", "json"},
        {"fit", "--model", "gpt-oss-120b", "--context", "64k"}}) {
    const Ran live = Ask(question);
    std::vector<std::string> from_yaml = question;
    from_yaml.insert(from_yaml.end(), {"--inventory", file});
    const Ran written = Planner(from_yaml);
    EXPECT_EQ(live.exit_code, 0) << live.err;
    EXPECT_EQ(live.out, written.out) << question[0];
    EXPECT_THAT(live.err, HasSubstr("silent is left out: no report yet"));
  }
}

TEST_F(Commands, OutputsObeyTheirSchemas) {
  const json nodes = ExpectSchema(Ask({"nodes", "--output", "json"}));
  EXPECT_EQ(nodes["nodes"].size(), 3u);
  ExpectSchema(Ask({"inventory", "export", "--output", "json"}));
  EXPECT_EQ(ExpectSchema(Ask({"rename", "silent", "quiet", "--output", "json"}))["name"], "quiet");
  ExpectSchema(Ask({"forget", "quiet", "--output", "json"}));
  ExpectSchema(Ask({"doctor", "--state", planner_.state(), "--output", "json"}));
  const std::string copy = planner_.state() + "/copy.sqlite";
  ExpectSchema(Planner({"backup", copy, "--state", planner_.state(), "--output", "json"}));
  EXPECT_EQ(ExpectSchema(Planner({"store", "check", copy, "--output", "json"}))["nodes"], 2);
}

// What agents see of cables and interfaces is what a launch needs to know of them.
TEST(CommandsOnALiveFleet, LaunchKnowsTheCablesThatAgentsSee) {
  LivePlanner planner;
  const auto stub = v1::Agents::NewStub(planner.Plaintext());
  for (const bool first : {true, false}) {
    const std::string id = EnrolPlaintext(*stub, first ? "ultra-a" : "ultra-b");
    v1::SendReportRequest request = Report(id, 1, 1);
    v1::Port& cable = *request.mutable_report()->add_ports();
    cable.set_kind(v1::Port::KIND_THUNDERBOLT);
    cable.set_name("receptacle 3");
    cable.set_state(v1::Port::STATE_UP);
    cable.set_rdma_capable(true);
    cable.set_rdma_active(true);
    cable.set_negotiated_bits_per_second(80e9);
    cable.add_interfaces(first ? "en5" : "en4");
    cable.set_rdma_device(first ? "rdma_en5" : "rdma_en4");
    cable.set_domain(first ? "domain-a" : "domain-b");
    cable.set_peer_domain(first ? "domain-b" : "domain-a");
    cable.add_addresses(first ? "10.7.0.1/30" : "10.7.0.2/30");
    // Hostile names are no names.
    cable.add_interfaces("en9; reboot");
    grpc::ClientContext context;
    v1::SendReportResponse response;
    ASSERT_TRUE(stub->SendReport(&context, request, &response).ok());
  }
  const auto launch = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {
        "launch",   "--model", "gpt-oss-120b", "--quant",        "mlx-mxfp4-q8",
        "--engine", "mlx",     "--strategy",   "tensor",         "--dry-run",
        "--output", "json",    "--planner",    planner.address()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Planner(arguments, {"HOME=/nonexistent"});
  };
  const json document = ExpectSchema(launch({}));
  EXPECT_THAT(document["missing"], IsEmpty()) << document["missing"];
  const json hosts =
      json::parse(document["steps"][0]["content"].get<std::string>(), nullptr, false);
  EXPECT_EQ(hosts,
            (json{{{"ssh", "10.7.0.1"}, {"ips", {"10.7.0.1"}}, {"rdma", {nullptr, "rdma_en5"}}},
                  {{"ssh", "10.7.0.2"}, {"ips", json::array()}, {"rdma", {"rdma_en4", nullptr}}}}));
  EXPECT_THAT(document.dump(), Not(HasSubstr("reboot")));
  EXPECT_EQ(launch({"--inventory", "x.yaml"}).exit_code, 2);
}

TEST_F(Commands, NodesReadsLikeATable) {
  const Ran ran = Ask({"nodes"});
  EXPECT_THAT(ran.out, HasSubstr("ultra-a"));
  EXPECT_THAT(ran.out, HasSubstr("silent is left out of plans: no report yet"));
}

TEST_F(Commands, BadInputIsAnsweredWhole) {
  const Ran plan = Ask({"plan", "--budget", "1000", "--inventory", "x.yaml"});
  EXPECT_EQ(plan.exit_code, 2);
  EXPECT_THAT(plan.err, HasSubstr("--inventory"));
  const std::string what_if =
      TempFile("schema: capacity-planner/what-if/v1\nadd:\n  nodes: [{machine: dgx-sparc}]\n");
  const Ran located = Ask({"plan", "--budget", "1000", "--what-if", what_if});
  EXPECT_EQ(located.exit_code, 2);
  EXPECT_THAT(located.err, HasSubstr(what_if + ":3:"));
  EXPECT_THAT(located.out, IsEmpty());
  EXPECT_EQ(Ask({"forget", "nobody"}).exit_code, 2);
  EXPECT_EQ(Ask({"predict", "--model", "x", "--quant", "q", "--nodes", "ultra-a"}).exit_code, 2);
}

TEST(CommandsWithoutAPlanner, SayWhatToDo) {
  const Ran nobody = Planner({"nodes", "--planner", "127.0.0.1:1"});
  EXPECT_EQ(nobody.exit_code, 1);
  const TemporaryDirectory empty;
  const Ran open = Planner({"serve", "--state", empty.path(), "--listen", "0.0.0.0:0"});
  EXPECT_EQ(open.exit_code, 78);
  EXPECT_THAT(open.err, HasSubstr("planner init"));
  const Ran metrics = Planner(
      {"serve", "--state", empty.path(), "--listen", "127.0.0.1:0", "--metrics", "0.0.0.0:0"});
  EXPECT_EQ(metrics.exit_code, 78);
  const Ran remote = Planner({"nodes", "--planner", "192.0.2.1:7443"}, {"HOME=/nonexistent"});
  EXPECT_EQ(remote.exit_code, 2);
  EXPECT_THAT(remote.err, HasSubstr("--credentials"));
  EXPECT_EQ(Planner({"token", "create", "--state", empty.path()}).exit_code, 2);
}

TEST(CommandsWithoutAPlanner, InitMakesAnAuthorityOnce) {
  const TemporaryDirectory directory;
  EXPECT_EQ(Planner({"init", "--state", directory.path()}).exit_code, 0);
  const Ran again = Planner({"init", "--state", directory.path()});
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.out, HasSubstr("nothing changed"));
  const Ran token = Planner({"token", "create", "--state", directory.path(), "--ttl", "1h"});
  EXPECT_EQ(token.exit_code, 0);
  EXPECT_THAT(token.out, ::testing::StartsWith("cpjt_"));
  EXPECT_EQ(Planner({"token", "create", "--state", directory.path(), "--ttl", "x"}).exit_code, 2);
  const std::string out = directory.path() + "/alice";
  EXPECT_EQ(Planner({"credential", "create", "--state", directory.path(), "--name", "alice",
                     "--out", out})
                .exit_code,
            0);
}

TEST(CommandsWithoutAPlanner, InitRenewsWhatIsMissingAndKeepsTheAuthority) {
  const TemporaryDirectory directory;
  ASSERT_EQ(Planner({"init", "--state", directory.path()}).exit_code, 0);
  const auto read = [&](const char* name) {
    std::ifstream file(directory.path() + "/pki/" + name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string authority = read("ca.pem");
  const std::string server = read("server.pem");
  ASSERT_EQ(std::remove((directory.path() + "/pki/server.pem").c_str()), 0);
  const Ran again = Planner({"init", "--state", directory.path()});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("a new server certificate"));
  EXPECT_EQ(read("ca.pem"), authority);
  EXPECT_THAT(read("server.pem"), HasSubstr("BEGIN CERTIFICATE"));
  EXPECT_NE(read("server.pem"), server);
  const std::string renewed = read("server.pem");
  EXPECT_THAT(Planner({"init", "--state", directory.path(), "--name", "planner.example.org"}).out,
              HasSubstr("a new server certificate"));
  EXPECT_NE(read("server.pem"), renewed);
}

TEST(CommandsWithoutAPlanner, CredentialsAreListedAndRevoked) {
  const TemporaryDirectory directory;
  const std::vector<std::string> state = {"--state", directory.path()};
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), state.begin(), state.end());
    return Planner(arguments);
  };
  ASSERT_EQ(run({"init"}).exit_code, 0);
  ASSERT_EQ(run({"credential", "create", "--name", "alice", "--out", directory.path() + "/alice"})
                .exit_code,
            0);
  const auto standing = [&](const std::string& name) {
    const json list = ExpectSchema(run({"credential", "list", "--output", "json"}));
    for (const json& row : list["credentials"]) {
      if (row["name"] == name) return row["standing"].get<std::string>();
    }
    return std::string("absent");
  };
  EXPECT_EQ(standing("alice"), "good");
  EXPECT_EQ(standing("local-admin"), "good");
  const Ran wrong = run({"credential", "revoke", "alica"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("did you mean \"alice\"?"));
  EXPECT_EQ(ExpectSchema(run({"credential", "revoke", "alice", "--output", "json"}))["done"],
            "revoked");
  EXPECT_EQ(standing("alice"), "revoked");
  EXPECT_EQ(standing("local-admin"), "good");
  EXPECT_EQ(run({"credential", "revoke", "alice"}).exit_code, 2);
}

// A standing what-if that could never be read is refused before anyone relies on it; nodes that it
// names may report later.
TEST(CommandsWithoutAPlanner, ServeRefusesABrokenStandingWhatIf) {
  const TemporaryDirectory directory;
  const std::string garbage = TempFile("garbage\n");
  const Ran refused = Planner({"serve", "--state", directory.path(), "--listen", "127.0.0.1:0",
                               "--metrics", "", "--what-if", garbage});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr(garbage));
}

// The page's own order: init, listen on the network, ask on this machine without more ado.
TEST(CommandsOnTheNetwork, ThisMachineNeedsNoCredentials) {
  LiveOptions options;
  options.tls = true;
  options.require_tls = false;
  options.listen = "0.0.0.0:0";
  LivePlanner planner(options);
  const std::string address = "127.0.0.1:" + std::to_string(planner.port());
  const Ran nodes = Planner({"nodes", "--planner", address}, {"HOME=/nonexistent"});
  EXPECT_EQ(nodes.exit_code, 0) << nodes.err;
  const Ran doctor =
      Planner({"doctor", "--planner", address, "--state", planner.state()}, {"HOME=/nonexistent"});
  EXPECT_THAT(doctor.out, HasSubstr("a planner answers"));
}

TEST(CommandsOnTheNetwork, WithRequireTlsTheDoctorSaysWhatIsMissing) {
  LiveOptions options;
  options.tls = true;
  LivePlanner planner(options);
  const Ran doctor = Planner({"doctor", "--planner", planner.address(), "--state", planner.state()},
                             {"HOME=/nonexistent"});
  EXPECT_THAT(doctor.out, HasSubstr("--credentials"));
  const Ran nodes =
      Planner({"nodes", "--planner", planner.address(), "--credentials", planner.state()},
              {"HOME=/nonexistent"});
  EXPECT_EQ(nodes.exit_code, 0) << nodes.err;
}

}  // namespace
}  // namespace capacity
