#include "node-agent/reporter/state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "planner/pki/certificate.h"
#include "tests/node-agent/reporter/support.h"

namespace capacity::reporter {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryDirectory;

constexpr std::int64_t kNow = 1'790'000'000'000;

class StateTest : public ::testing::Test {
 protected:
  StateTest() { Reopen(); }
  void Reopen() {
    state_.reset();
    state_ = *State::Open(path_);
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/deep/state";
  std::unique_ptr<State> state_;
};

TEST_F(StateTest, TheKeyIsMadeOnceAndPrivate) {
  const std::string key = *state_->Key();
  Reopen();
  EXPECT_EQ(*state_->Key(), key);
  EXPECT_TRUE(pki::KeyFingerprint(key).ok());
  struct stat status{};
  ASSERT_EQ(stat((path_ + "/node.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  ASSERT_EQ(chmod((path_ + "/node.key").c_str(), 0644), 0);
  EXPECT_TRUE(absl::IsPermissionDenied(state_->Key().status()));
}

TEST_F(StateTest, MembershipReadsBackAsWritten) {
  EXPECT_EQ(*state_->LoadMembership(), std::nullopt);
  const pki::Credential authority = *pki::CreateAuthority("test", kNow);
  const pki::Credential node =
      *pki::CreateClientCredential(authority, pki::Role::kNode, "id-1", kNow, pki::kDayMs);
  const Membership secured = {"id-1", "planner-1", node.certificate_pem,
                              authority.certificate_pem + authority.certificate_pem};
  const Membership plaintext = {"id-2", "planner-2", "", ""};
  for (const Membership& membership : {secured, plaintext}) {
    ASSERT_TRUE(state_->SaveMembership(membership).ok());
    Reopen();
    EXPECT_EQ(**state_->LoadMembership(), membership);
  }
  ASSERT_TRUE(state_->RemoveMembership().ok());
  EXPECT_EQ(*state_->LoadMembership(), std::nullopt);
}

TEST_F(StateTest, ADamagedMembershipSaysWhatToDo) {
  const pki::Credential authority = *pki::CreateAuthority("test", kNow);
  for (const std::string& text :
       {std::string(), std::string("\nnode-id: \n"), std::string("node-id: first line\n"),
        std::string("#\nnode-id: a\n") + authority.certificate_pem}) {
    std::ofstream(path_ + "/membership.pem") << text;
    const auto membership = state_->LoadMembership();
    EXPECT_TRUE(absl::IsInvalidArgument(membership.status())) << text;
    EXPECT_THAT(std::string(membership.status().message()), HasSubstr("enrol anew"));
  }
}

TEST_F(StateTest, BootsGrowWhateverTheClockDoes) {
  const std::uint64_t first = state_->NextBootId(kNow);
  EXPECT_EQ(first, static_cast<std::uint64_t>(kNow));
  EXPECT_EQ(state_->NextBootId(kNow), first + 1);
  EXPECT_EQ(state_->NextBootId(-5), first + 2);
  Reopen();
  EXPECT_EQ(state_->NextBootId(kNow - 1'000'000), first + 3);
  EXPECT_EQ(state_->NextBootId(kNow + 1'000), static_cast<std::uint64_t>(kNow + 1'000));
}

TEST_F(StateTest, ALostDirectoryDoesNotBringOldBootsBack) {
  const std::uint64_t before = state_->NextBootId(kNow);
  state_.reset();
  std::filesystem::remove_all(path_);
  Reopen();
  EXPECT_GT(state_->NextBootId(kNow + 1), before);
}

TEST_F(StateTest, OneAgentRunsFromADirectory) {
  const auto second = State::Open(path_);
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("another node-agent"));
}

}  // namespace
}  // namespace capacity::reporter
