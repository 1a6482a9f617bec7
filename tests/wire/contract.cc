#include "tests/wire/contract.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace capacity::testing {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

std::string TypeOf(const FieldDescriptor& field) {
  if (field.message_type() != nullptr) return std::string(field.message_type()->full_name());
  if (field.enum_type() != nullptr) return std::string(field.enum_type()->full_name());
  return std::string(field.type_name());
}

std::string Presence(const FieldDescriptor& field) {
  if (field.is_repeated()) return "repeated";
  if (field.real_containing_oneof() != nullptr) {
    return absl::StrCat("oneof-", std::string(field.real_containing_oneof()->name()));
  }
  return field.has_presence() ? "optional" : "plain";
}

void AddEnum(const EnumDescriptor& type, std::set<std::string>& facts) {
  for (int i = 0; i < type.value_count(); ++i) {
    facts.insert(absl::StrCat("value ", std::string(type.full_name()), " ", type.value(i)->number(),
                              " ", std::string(type.value(i)->name())));
  }
}

void AddMessage(const Descriptor& type, std::set<std::string>& facts) {
  facts.insert(absl::StrCat("message ", std::string(type.full_name())));
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    facts.insert(absl::StrCat("field ", std::string(type.full_name()), " ", field.number(), " ",
                              std::string(field.name()), " ", TypeOf(field), " ", Presence(field)));
  }
  for (int i = 0; i < type.nested_type_count(); ++i) AddMessage(*type.nested_type(i), facts);
  for (int i = 0; i < type.enum_type_count(); ++i) AddEnum(*type.enum_type(i), facts);
}

void AddService(const ServiceDescriptor& service, std::set<std::string>& facts) {
  for (int i = 0; i < service.method_count(); ++i) {
    const MethodDescriptor& method = *service.method(i);
    facts.insert(absl::StrCat(
        "method ", std::string(service.full_name()), " ", std::string(method.name()), " ",
        method.client_streaming() ? "stream " : "", std::string(method.input_type()->full_name()),
        " ", method.server_streaming() ? "stream " : "",
        std::string(method.output_type()->full_name())));
  }
}

}  // namespace

std::set<std::string> Facts(const FileDescriptor& file) {
  std::set<std::string> facts;
  for (int i = 0; i < file.message_type_count(); ++i) AddMessage(*file.message_type(i), facts);
  for (int i = 0; i < file.enum_type_count(); ++i) AddEnum(*file.enum_type(i), facts);
  for (int i = 0; i < file.service_count(); ++i) AddService(*file.service(i), facts);
  return facts;
}

std::vector<std::string> Broken(const std::set<std::string>& promised,
                                const std::set<std::string>& today) {
  std::vector<std::string> broken;
  std::set_difference(promised.begin(), promised.end(), today.begin(), today.end(),
                      std::back_inserter(broken));
  return broken;
}

}  // namespace capacity::testing
