#include "node-agent/reporter/first_contact.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ctime>

#include "planner/pki/token.h"
#include "tests/node-agent/reporter/fake_planner.h"

namespace capacity::reporter {
namespace {

using std::chrono::milliseconds;
using testing::FakePlanner;
using ::testing::HasSubstr;

std::int64_t Now() { return std::int64_t{std::time(nullptr)} * 1000; }

Wanted MakerOf(const std::string& token) {
  return {pki::ParseJoinToken(token)->authority_fingerprint, "the maker"};
}

const Wanted kNobody = {std::string(32, 'x'), "nobody"};

TEST(ParsedAddress, IsHostAndPort) {
  EXPECT_EQ(*ParseAddress("planner.local:7443"), (Address{"planner.local", "7443"}));
  EXPECT_EQ(*ParseAddress("[fd00::1]:1"), (Address{"fd00::1", "1"}));
  EXPECT_EQ(*ParseAddress(" host:7443\n"), (Address{"host", "7443"})) << "of a file of settings";
  for (const char* text : {"", ":", "host", "host:", ":7443", "host:0", "host:65536", "host:x",
                           "fd00::1:7443", "[]:1", "host:74 43"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseAddress(text).status())) << text;
  }
}

TEST(FirstContact, KnowsThePlannerByItsToken) {
  FakePlanner planner(FakePlanner::Security::kTls);
  const Wanted maker = MakerOf(planner.NewToken());
  const auto authority = FetchAuthority(planner.address(), maker, Now(), milliseconds(5'000));
  ASSERT_TRUE(authority.ok()) << authority.status();
  EXPECT_EQ(*pki::AuthorityFingerprint(*authority), maker.fingerprint);
}

TEST(FirstContact, RefusesAnother) {
  FakePlanner planner(FakePlanner::Security::kTls);
  FakePlanner other(FakePlanner::Security::kTls);
  const auto authority =
      FetchAuthority(planner.address(), MakerOf(other.NewToken()), Now(), milliseconds(5'000));
  EXPECT_TRUE(absl::IsPermissionDenied(authority.status())) << authority.status();
  EXPECT_THAT(std::string(authority.status().message()),
              HasSubstr("is not the maker: its authority has another fingerprint"));
}

TEST(FirstContact, SaysThatNobodySpeaksTls) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  const auto authority = FetchAuthority(planner.address(), kNobody, Now(), milliseconds(1'000));
  EXPECT_TRUE(absl::IsUnavailable(authority.status())) << authority.status();
  EXPECT_FALSE(SpeaksTls(planner.address(), milliseconds(1'000)));
  FakePlanner other(FakePlanner::Security::kTls);
  EXPECT_TRUE(SpeaksTls(other.address(), milliseconds(5'000)));
}

TEST(FirstContact, SaysThatNobodyAnswers) {
  const auto authority = FetchAuthority({"127.0.0.1", "1"}, kNobody, Now(), milliseconds(1'000));
  EXPECT_TRUE(absl::IsUnavailable(authority.status())) << authority.status();
}

TEST(FirstContact, DoesNotWaitForASilentPeer) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in local = {};
  local.sin_family = AF_INET;
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof local;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&local), size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&local), &size), 0);
  const auto start = std::chrono::steady_clock::now();
  const auto authority = FetchAuthority({"127.0.0.1", std::to_string(ntohs(local.sin_port))},
                                        kNobody, Now(), milliseconds(300));
  EXPECT_TRUE(absl::IsUnavailable(authority.status())) << authority.status();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
  close(listener);
}

}  // namespace
}  // namespace capacity::reporter
