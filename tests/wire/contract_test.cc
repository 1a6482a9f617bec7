// The protocol may grow and never break: tests/wire/capacity_v1.txt holds what was released.
//
// After adding to the protocol: CAPACITY_RECORD_CONTRACT=1 build/tests/wire/wire_test
// --gtest_filter='Contract.*' adds the new facts to the file. Never take one out of it.
#include "tests/wire/contract.h"

#include <cstdlib>
#include <fstream>
#include <set>
#include <string>

#include "capacity/v1/error.pb.h"
#include "capacity/v1/node.pb.h"
#include "capacity/v1/planner.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.pb.h"
#include "gtest/gtest.h"

namespace capacity {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using testing::Broken;
using ::testing::ElementsAre;
using testing::Facts;
using ::testing::IsEmpty;

const std::string kReleased = std::string(CAPACITY_SOURCE_DIR) + "/tests/wire/capacity_v1.txt";

std::set<std::string> Today() {
  std::set<std::string> all;
  for (const FileDescriptor* file :
       {v1::Status::descriptor()->file(), v1::NodeReport::descriptor()->file(),
        v1::Origin::descriptor()->file()}) {
    all.merge(Facts(*file));
  }
  return all;
}

std::set<std::string> Released() {
  std::ifstream in(kReleased);
  std::set<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line[0] != '#') lines.insert(line);
  }
  return lines;
}

TEST(Contract, KeepsEveryReleasedPromise) {
  std::set<std::string> released = Released();
  EXPECT_THAT(Broken(released, Today()), IsEmpty())
      << "agents and planners of other versions rely on these; add instead of changing";
  if (std::getenv("CAPACITY_RECORD_CONTRACT") == nullptr) {
    ASSERT_GT(released.size(), 100u) << kReleased << " is missing or was emptied";
    return;
  }
  released.merge(Today());
  std::ofstream out(kReleased);
  out << "# Released facts of proto/capacity/v1; tests/wire/contract_test.cc adds to it.\n";
  for (const std::string& fact : released) out << fact << "\n";
}

// The real protocol with one change, and what the comparison says of it.
std::vector<std::string> BrokenBy(void (*change)(FileDescriptorProto&)) {
  const FileDescriptor& file = *v1::Origin::descriptor()->file();
  FileDescriptorProto proto;
  file.CopyTo(&proto);
  change(proto);
  DescriptorPool pool(DescriptorPool::generated_pool());
  proto.set_name("changed.proto");
  proto.set_package("capacity.v1");
  DescriptorPool fresh;
  FileDescriptorProto node;
  v1::NodeReport::descriptor()->file()->CopyTo(&node);
  fresh.BuildFile(node);
  const FileDescriptor* changed = fresh.BuildFile(proto);
  EXPECT_NE(changed, nullptr);
  return changed == nullptr ? std::vector<std::string>{"not a protocol"}
                            : Broken(Facts(file), Facts(*changed));
}

google::protobuf::DescriptorProto& Find(FileDescriptorProto& file, const std::string& name) {
  for (auto& message : *file.mutable_message_type()) {
    if (message.name() == name) return message;
  }
  throw std::logic_error(name);
}

TEST(Contract, NoticesEachWayToBreak) {
  EXPECT_THAT(BrokenBy([](FileDescriptorProto&) {}), IsEmpty());
  EXPECT_THAT(BrokenBy([](FileDescriptorProto& file) {
                Find(file, "Origin").mutable_field()->DeleteSubrange(2, 1);
              }),
              ElementsAre("field capacity.v1.Origin 3 sequence uint64 plain"));
  EXPECT_THAT(BrokenBy([](FileDescriptorProto& file) {
                Find(file, "Origin").mutable_field(2)->set_number(9);
              }),
              ElementsAre("field capacity.v1.Origin 3 sequence uint64 plain"));
  EXPECT_THAT(BrokenBy([](FileDescriptorProto& file) {
                Find(file, "Origin").mutable_field(2)->set_type(FieldDescriptorProto::TYPE_STRING);
              }),
              ElementsAre("field capacity.v1.Origin 3 sequence uint64 plain"));
  EXPECT_THAT(BrokenBy([](FileDescriptorProto& file) {
                Find(file, "Origin").mutable_field(2)->set_name("number");
              }),
              ElementsAre("field capacity.v1.Origin 3 sequence uint64 plain"));
  EXPECT_THAT(BrokenBy([](FileDescriptorProto& file) {
                file.mutable_enum_type(0)->mutable_value(1)->set_number(7);
              }),
              ElementsAre("value capacity.v1.Outcome 1 OUTCOME_ACCEPTED"));
  EXPECT_THAT(BrokenBy([](FileDescriptorProto& file) {
                file.mutable_service(0)->mutable_method()->DeleteSubrange(0, 1);
              }),
              ElementsAre("method capacity.v1.Agents Enrol capacity.v1.EnrolRequest "
                          "capacity.v1.EnrolResponse"));
}

TEST(Contract, GrowthIsNoBreak) {
  EXPECT_THAT(BrokenBy([](FileDescriptorProto& file) {
                FieldDescriptorProto& field = *Find(file, "Origin").add_field();
                field.set_name("added");
                field.set_number(99);
                field.set_type(FieldDescriptorProto::TYPE_STRING);
                field.set_label(FieldDescriptorProto::LABEL_OPTIONAL);
              }),
              IsEmpty());
}

// "round_trip_best_us" and the like: a number that has a unit says so in its name.
TEST(Contract, QuantitiesNameTheirUnit) {
  const std::set<std::string> kPlain = {// counts, shares, versions and identifiers
                                        "boot_id",
                                        "sequence",
                                        "report_boot_id",
                                        "report_sequence",
                                        "spooled_reports",
                                        "dropped_reports",
                                        "round_trips",
                                        "port",
                                        "nodes",
                                        "count",
                                        "explain_rung",
                                        "top",
                                        "streams",
                                        "fitting_models",
                                        "page_size",
                                        "revoked_certificates",
                                        "load_average",
                                        "logical_cores",
                                        "cores",
                                        "gpu_cores",
                                        "repeats",
                                        "threads",
                                        "chips",
                                        "code",
                                        "pressure_free_share",
                                        "model_parameters"};
  const std::vector<std::string> kUnits = {"_bytes", "_per_second", "_us",       "_ms",
                                           "_usd",   "_months",     "_watts",    "_tokens",
                                           "_bits",  "_columns",    "_per_month"};
  std::vector<std::string> bare;
  for (const std::string& fact : Today()) {
    std::istringstream words(fact);
    std::string what, owner, number, name, type;
    words >> what >> owner >> number >> name >> type;
    if (what != "field" || kPlain.count(name) > 0) continue;
    if (type != "double" && type.find("int") == std::string::npos) continue;
    const bool named = std::any_of(kUnits.begin(), kUnits.end(), [&](const std::string& unit) {
      return name.size() > unit.size() &&
             name.compare(name.size() - unit.size(), unit.size(), unit) == 0;
    });
    if (!named) bare.push_back(fact);
  }
  EXPECT_THAT(bare, IsEmpty());
}

}  // namespace
}  // namespace capacity
