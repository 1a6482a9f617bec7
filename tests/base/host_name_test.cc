#include "planner/base/host_name.h"

#include <gtest/gtest.h>

namespace capacity {
namespace {

TEST(HostName, OfAUrl) {
  EXPECT_EQ(HostOf("http://127.0.0.1:8080/v1"), "127.0.0.1");
  EXPECT_EQ(HostOf("https://[::1]:1/"), "::1");
  EXPECT_EQ(HostOf("HTTP://Studio.Local"), "studio.local");
  EXPECT_EQ(HostOf("http://"), "");
}

TEST(HostName, LoopbackIsWhatNeverLeavesTheMachine) {
  for (const char* host : {"127.0.0.1", "127.8.9.1", "::1", "0:0:0:0:0:0:0:1", "localhost"}) {
    EXPECT_TRUE(IsLoopback(host)) << host;
  }
  for (const char* host :
       {"", "128.0.0.1", "0.0.0.0", "::", "::2", "1::1", "192.168.1.2", "localhost.evil.org",
        "127.0.0.1.evil.org", "127.evil.org", "127.1", "::ffff:127.0.0.1", "planner"}) {
    EXPECT_FALSE(IsLoopback(host)) << host;
  }
}

}  // namespace
}  // namespace capacity
