#include "planner/cli/remote.h"

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"
#include "planner/base/host_name.h"
#include "planner/cli/input_file.h"
#include "planner/pki/certificate.h"
#include "planner/service/listener.h"
#include "planner/service/state_directory.h"
#include "planner/wire/error_details.h"

namespace capacity::cli {
namespace {

constexpr int kMaxAnswerBytes = 64 << 20;

// Fields of requests that options or arguments are called otherwise.
std::string OptionOf(const std::string& field) {
  static const std::map<std::string, std::string> kCalled = {{"new_name", "NEW"},
                                                             {"node", "NODE"},
                                                             {"explain_rung", "--explain"},
                                                             {"models", "--model"},
                                                             {"quants", "--quant"},
                                                             {"load.kv_type", "--kv-type"},
                                                             {"load.streams", "--parallel"},
                                                             {"load.context_tokens", "--context"},
                                                             {"load.prompt_tokens", "--prompt"},
                                                             {"budget_usd", "--budget"},
                                                             {"threshold_months", "--thresholds"},
                                                             {"min_nominal_bits", "--min-bits"}};
  const auto called = kCalled.find(field);
  return called != kCalled.end() ? called->second : "--" + field;
}

}  // namespace

void AddRemoteOptions(CLI::App& command, RemoteArguments& arguments) {
  if (const char* planner = std::getenv("CAPACITY_PLANNER")) arguments.planner = planner;
  command
      .add_option("--planner", arguments.planner,
                  "A running planner; default: $CAPACITY_PLANNER, else none")
      ->type_name("HOST:PORT");
  command
      .add_option("--credentials", arguments.credentials,
                  "Directory with pki/ca.pem and your certificate (default: the planner's own)")
      ->type_name("DIR");
}

std::shared_ptr<grpc::Channel> ConnectOrPrint(const RemoteArguments& arguments) {
  const auto endpoint = service::ParseEndpoint(arguments.planner);
  if (!endpoint.ok()) {
    BadArgument("--planner", std::string(endpoint.status().message()));
    return nullptr;
  }
  const bool loopback = IsLoopback(endpoint->host);
  const std::string directory =
      arguments.credentials.empty() ? service::DefaultStateDirectory() : arguments.credentials;
  auto files = service::LoadClientFiles(directory, "admin");
  if (files.ok() && files->credential.key_pem.empty()) {
    files = service::LoadClientFiles(directory, "reader");
  }
  grpc::ChannelArguments channel;
  channel.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  const bool stated = !arguments.credentials.empty();
  if (!files.ok() && (!loopback || stated)) {
    std::cerr << "planner: --credentials: " << directory
              << " holds no pki/ca.pem; copy it from the planner, or make a credential there with "
                 "`planner credential create`\n";
    return nullptr;
  }
  // On this machine plaintext is as good, and works whether or not the planner has certificates.
  if (loopback && !stated) {
    return grpc::CreateCustomChannel(arguments.planner, grpc::InsecureChannelCredentials(),
                                     channel);
  }
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = files->ca_pem;
  options.pem_private_key = files->credential.key_pem;
  options.pem_cert_chain = files->credential.certificate_pem;
  // The name that every server certificate of this authority has, whatever address was dialled.
  channel.SetSslTargetNameOverride(std::string(pki::kServerName));
  return grpc::CreateCustomChannel(arguments.planner, grpc::SslCredentials(options), channel);
}

void SetDeadline(grpc::ClientContext& context, int seconds) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(seconds));
}

int PrintRefusal(const std::string& command, const grpc::Status& status) {
  const wire::FieldViolations violations = wire::ViolationsIn(status.error_details());
  for (const wire::FieldViolation& violation : violations) {
    // Problems of documents already say where they are.
    if (violation.field.rfind("fleet.", 0) == 0 || violation.field == "fleet") {
      std::cerr << violation.description << "\n";
    } else {
      BadArgument(violation.field.empty() ? command : OptionOf(violation.field),
                  violation.description);
    }
  }
  if (violations.empty()) {
    std::cerr << "planner: " << command << ": " << status.error_message() << "\n";
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
      std::cerr << "planner: is it running there? `planner doctor` looks; `planner serve` starts "
                   "it\n";
    }
  }
  const bool bad_question = status.error_code() == grpc::StatusCode::INVALID_ARGUMENT ||
                            status.error_code() == grpc::StatusCode::NOT_FOUND ||
                            status.error_code() == grpc::StatusCode::ALREADY_EXISTS;
  return bad_question ? kBadInput : kWorldFailed;
}

std::optional<std::vector<v1::Document>> ReadDocumentsOrPrint(
    const std::vector<std::string>& files) {
  constexpr std::size_t kLargest = 192 << 10;
  std::vector<v1::Document> documents;
  for (const std::string& file : files) {
    std::optional<std::string> text = ReadInputOrPrint(file, kLargest);
    if (!text) return std::nullopt;
    v1::Document document;
    document.set_name(file);
    document.set_text(*std::move(text));
    documents.push_back(std::move(document));
  }
  return documents;
}

bool FillFleetQuestion(const Common& common, const std::vector<std::string>& overlays,
                       v1::FleetQuestion& question) {
  const auto documents = ReadDocumentsOrPrint(overlays);
  if (!documents) return false;
  for (const v1::Document& document : *documents) *question.add_what_if() = document;
  if (!common.json()) question.set_text_columns(static_cast<std::uint32_t>(common.style.width));
  return true;
}

void PrintOmitted(const google::protobuf::RepeatedPtrField<v1::OmittedNode>& omitted) {
  for (const v1::OmittedNode& node : omitted) {
    std::cerr << "planner: " << node.name() << " is left out: " << node.reason() << "\n";
  }
}

}  // namespace capacity::cli
