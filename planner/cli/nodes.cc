#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "planner/cli/commands.h"
#include "planner/cli/remote.h"
#include "planner/report/service.h"

namespace capacity::cli {
namespace {

constexpr int kPatienceSeconds = 30;

struct NodesArguments {
  RemoteArguments remote;
  std::string node;
  std::string new_name;
};

const char* HealthName(v1::Health health) {
  switch (health) {
    case v1::HEALTH_FRESH:
      return "fresh";
    case v1::HEALTH_LATE:
      return "late";
    case v1::HEALTH_LOST:
      return "lost";
    case v1::HEALTH_WAITING:
      return "waiting";
    default:
      return "unknown";
  }
}

report::NodeRow RowOf(const v1::NodeSummary& node, std::int64_t now_unix_ms) {
  report::NodeRow row;
  row.node_id = node.node_id();
  row.name = node.name();
  row.health = HealthName(node.health());
  row.machine = node.machine();
  row.chip = node.chip();
  row.omitted = node.omitted();
  if (node.has_last_heard_unix_ms()) row.heard_ms = now_unix_ms - node.last_heard_unix_ms();
  if (node.has_last_report_unix_ms()) row.reported_ms = now_unix_ms - node.last_report_unix_ms();
  if (node.has_clock_skew_ms()) row.skew_ms = node.clock_skew_ms();
  if (node.has_available_memory_bytes()) row.available_memory_bytes = node.available_memory_bytes();
  if (node.has_load_average()) row.load_average = node.load_average();
  row.agent_version = node.agent_version();
  row.warnings.assign(node.warnings().begin(), node.warnings().end());
  return row;
}

// The planner that was named, or the one on this machine.
RemoteArguments Local(RemoteArguments arguments) {
  if (arguments.planner.empty()) arguments.planner = "127.0.0.1:7443";
  return arguments;
}

int RunNodes(const Common& common, const NodesArguments& arguments) {
  const auto channel = ConnectOrPrint(Local(arguments.remote));
  if (channel == nullptr) return kBadInput;
  const auto stub = v1::Planner::NewStub(channel);
  std::vector<report::NodeRow> rows;
  v1::ListNodesRequest request;
  do {
    grpc::ClientContext context;
    SetDeadline(context, kPatienceSeconds);
    v1::ListNodesResponse response;
    const grpc::Status status = stub->ListNodes(&context, request, &response);
    if (!status.ok()) return PrintRefusal("nodes", status);
    for (const v1::NodeSummary& node : response.nodes()) {
      rows.push_back(RowOf(node, response.now_unix_ms()));
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return Print(common.json() ? report::NodesJson(rows) : report::NodesText(rows, common.style));
}

int RunForget(const Common& common, const NodesArguments& arguments) {
  const auto channel = ConnectOrPrint(Local(arguments.remote));
  if (channel == nullptr) return kBadInput;
  grpc::ClientContext context;
  SetDeadline(context, kPatienceSeconds);
  v1::ForgetRequest request;
  request.set_node(arguments.node);
  v1::ForgetResponse response;
  const grpc::Status status = v1::Planner::NewStub(channel)->Forget(&context, request, &response);
  if (!status.ok()) return PrintRefusal("forget", status);
  return Print(common.json()
                   ? report::DoneJson("forgotten",
                                      {{"node_id", response.node_id()}, {"name", response.name()}})
                   : absl::StrCat("Forgot ", response.name(), "; ", response.revoked_certificates(),
                                  " certificates revoked.\n"));
}

int RunRename(const Common& common, const NodesArguments& arguments) {
  const auto channel = ConnectOrPrint(Local(arguments.remote));
  if (channel == nullptr) return kBadInput;
  grpc::ClientContext context;
  SetDeadline(context, kPatienceSeconds);
  v1::RenameRequest request;
  request.set_node(arguments.node);
  request.set_new_name(arguments.new_name);
  v1::RenameResponse response;
  const grpc::Status status = v1::Planner::NewStub(channel)->Rename(&context, request, &response);
  if (!status.ok()) return PrintRefusal("rename", status);
  return Print(common.json() ? report::DoneJson("renamed", {{"node_id", response.node_id()},
                                                            {"name", response.name()}})
                             : absl::StrCat(arguments.node, " is now ", response.name(), ".\n"));
}

}  // namespace

void AddNodes(CLI::App& app, Common& common, Action& action) {
  auto arguments = std::make_shared<NodesArguments>();
  CLI::App* nodes = app.add_subcommand("nodes", "The nodes of a running planner, and how they do");
  nodes->footer("Example:\n  planner nodes --planner 127.0.0.1:7443");
  AddRemoteOptions(*nodes, arguments->remote);
  AddCatalogOptions(*nodes, common);
  nodes->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunNodes(common, *arguments); };
  });

  CLI::App* forget =
      app.add_subcommand("forget", "Drops a node with all it reported; revokes its certificates");
  forget->footer("Example:\n  planner forget old-studio");
  forget->add_option("node", arguments->node, "Name or id")->required()->type_name("NODE");
  AddRemoteOptions(*forget, arguments->remote);
  AddCatalogOptions(*forget, common);
  forget->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunForget(common, *arguments); };
  });

  CLI::App* rename = app.add_subcommand("rename", "Gives a node another name");
  rename->footer("Example:\n  planner rename studio-2 studio-attic");
  rename->add_option("node", arguments->node, "Name or id")->required()->type_name("NODE");
  rename->add_option("name", arguments->new_name, "Its new name")->required()->type_name("NAME");
  AddRemoteOptions(*rename, arguments->remote);
  AddCatalogOptions(*rename, common);
  rename->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunRename(common, *arguments); };
  });
}

}  // namespace capacity::cli
