#include "planner/base/api_key.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace capacity {
namespace {

ApiKey Key(const std::string& value) {
  setenv("CAPACITY_TEST_KEY", value.c_str(), 1);
  return *ApiKey::FromEnvironment("CAPACITY_TEST_KEY");
}

TEST(ApiKey, IsStruckHoweverItIsSpelled) {
  const ApiKey key = Key("SECRET/1234567890");
  for (const char* quoted : {"bad SECRET/1234567890", R"({"m":"SECRET\/1234567890"})",
                             R"(SECRET\u002f1234567890)", "/?key=SECRET%2F1234567890"}) {
    const std::string struck = key.StruckFromAnswer(quoted);
    EXPECT_EQ(struck.find("1234567890"), std::string::npos) << struck;
    EXPECT_NE(struck.find("***"), std::string::npos) << struck;
  }
}

TEST(ApiKey, AWordThatGuardsNothingStaysInAnswers) {
  EXPECT_EQ(Key("EMPTY").StruckFromAnswer("EMPTY list"), "EMPTY list");
  EXPECT_EQ(Key("EMPTY").StruckFrom("EMPTY list"), "*** list");
}

TEST(ApiKey, TravelsInClearTextAtHomeOnly) {
  const ApiKey key = Key("SECRET1234567890");
  for (const char* url :
       {"http://127.0.0.1:1", "http://localhost", "http://[::1]:8000", "http://192.168.1.7/v1",
        "http://10.0.0.1", "http://172.20.0.1", "http://mac-studio.local:52415", "http://spark",
        "https://api.example.com"}) {
    EXPECT_TRUE(MayCarryKey(url, key).ok()) << url;
  }
  for (const char* url : {"http://api.example.com", "http://8.8.8.8", "http://172.32.0.1",
                          "http://10.example.com", "http://127.0.0.1.example.com", "http://10.ae",
                          "http://127.de", "http://fd.cafe.ae", "http://[2001:db8::1]:80"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(MayCarryKey(url, key))) << url;
    EXPECT_TRUE(MayCarryKey(url, ApiKey()).ok()) << url;
  }
}

}  // namespace
}  // namespace capacity
