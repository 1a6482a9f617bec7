// A running planner, asked over the network.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "capacity/v1/planner.grpc.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "planner/cli/common.h"

namespace capacity::cli {

// Which planner, and who asks. Empty `planner`: none, the command answers from files.
struct RemoteArguments {
  std::string planner;  // HOST:PORT
  std::string
      credentials;  // directory with pki/ca.pem and pki/reader.pem or admin.pem; empty: by default
};

// Adds --planner and --credentials.
void AddRemoteOptions(CLI::App& command, RemoteArguments& arguments);

// A connection to the planner; null after printing what is wrong. Anything but loopback is TLS with
// the authority of the credentials; loopback is TLS too where credentials are found.
std::shared_ptr<grpc::Channel> ConnectOrPrint(const RemoteArguments& arguments);

// Sets how long a person waits.
void SetDeadline(grpc::ClientContext& context, int seconds);

// Prints what the planner answered instead: each field that is wrong on its own line. Returns
// kBadInput for a bad question and kWorldFailed for everything else.
int PrintRefusal(const std::string& command, const grpc::Status& status);

// The texts of what-if files under their names; nullopt after printing why one cannot be read.
std::optional<std::vector<v1::Document>> ReadDocumentsOrPrint(
    const std::vector<std::string>& files);

// Fills what every question has.
bool FillFleetQuestion(const Common& common, const std::vector<std::string>& overlays,
                       v1::FleetQuestion& question);

// Says on stderr which nodes had no part in the answer.
void PrintOmitted(const google::protobuf::RepeatedPtrField<v1::OmittedNode>& omitted);

}  // namespace capacity::cli
