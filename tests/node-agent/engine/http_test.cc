#include "node-agent/engine/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "tests/node-agent/engine/test_server.h"
#include "tests/prices/http_server.h"

namespace capacity::engine {
namespace {

using ::capacity::testing::Asked;
using ::capacity::testing::Connection;
using ::capacity::testing::TestServer;
using ::testing::HasSubstr;
using ::testing::Not;

template <class T>
std::string Message(const absl::StatusOr<T>& result) {
  return std::string(result.status().message());
}

ApiKey Key(const std::string& value) {
  setenv("ENGINE_TEST_KEY", value.c_str(), 1);
  const auto key = ApiKey::FromEnvironment("ENGINE_TEST_KEY");
  EXPECT_TRUE(key.ok()) << Message(key);
  return key.ok() ? *key : ApiKey();
}

TEST(Http, GetsAndPosts) {
  TestServer server([](const Asked& asked, Connection& connection) {
    connection.Reply(200, asked.method + " " + asked.path + " " + asked.body);
  });
  const Endpoint endpoint = {.url = server.url(), .key = Key("sk-hidden")};
  EXPECT_EQ(*Get(endpoint, "/v1/models"), "GET /v1/models ");
  EXPECT_EQ(*Post(endpoint, "/x", "{}"), "POST /x {}");
  EXPECT_EQ(server.asked()[0].headers.at("authorization"), "Bearer sk-hidden");
  EXPECT_EQ(server.asked()[1].headers.at("content-type"), "application/json");
}

TEST(Http, EveryStatusIsSomethingElse) {
  TestServer server([](const Asked& asked, Connection& connection) {
    connection.Reply(std::stoi(asked.path.substr(1)),
                     R"({"error":{"message":"key sk-hidden is \u001b[31m no good"}})");
  });
  const Endpoint endpoint = {.url = server.url(), .key = Key("sk-hidden")};
  EXPECT_TRUE(absl::IsPermissionDenied(Get(endpoint, "/401").status()));
  EXPECT_TRUE(absl::IsPermissionDenied(Get(endpoint, "/403").status()));
  EXPECT_TRUE(absl::IsNotFound(Get(endpoint, "/404").status()));
  EXPECT_TRUE(absl::IsUnavailable(Get(endpoint, "/500").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Get(endpoint, "/400").status()));
  for (const char* path : {"/400", "/401", "/500"}) {
    const auto answer = Get(endpoint, path);
    EXPECT_THAT(Message(answer), HasSubstr(std::string("HTTP ") + (path + 1)));
    EXPECT_THAT(Message(answer), Not(HasSubstr("sk-hidden")));
    EXPECT_TRUE(IsFromServer(answer.status()));
  }
  EXPECT_THAT(Message(Get(endpoint, "/400")), HasSubstr("is"));
  EXPECT_THAT(Message(Get({.url = server.url()}, "/401")), HasSubstr("--api-key-env"));
}

TEST(Http, RedirectsAreNotFollowed) {
  TestServer server([&](const Asked& asked, Connection& connection) {
    if (asked.path == "/there") return connection.Reply(200, "there");
    connection.Write(
        "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n");
  });
  const Endpoint endpoint = {.url = server.url(), .key = Key("sk-hidden")};
  EXPECT_THAT(Message(Get(endpoint, "/here")), HasSubstr("redirect"));
  EXPECT_THAT(Message(Post(endpoint, "/here", "{}")), HasSubstr("redirect"));
  EXPECT_EQ(server.asked().size(), 2u);
}

TEST(Http, AHugeBodyIsRefused) {
  TestServer server([](const Asked&, Connection& connection) {
    connection.StartChunked();
    while (connection.Chunk(std::string(100'000, 'x'))) {
    }
  });
  Endpoint endpoint = {.url = server.url()};
  endpoint.limits.bytes = 1'000'000;
  const auto answer = Get(endpoint, "/");
  EXPECT_TRUE(absl::IsResourceExhausted(answer.status())) << answer.status();
  EXPECT_THAT(Message(answer), HasSubstr("1000000 bytes"));
}

TEST(Http, ASlowOneEndsInTime) {
  TestServer server([](const Asked&, Connection& connection) { connection.Sleep(10'000); });
  Endpoint endpoint = {.url = server.url()};
  endpoint.limits.total = std::chrono::seconds(1);
  EXPECT_TRUE(absl::IsDeadlineExceeded(Get(endpoint, "/").status()));
}

TEST(Http, SilenceInAStreamEndsInTime) {
  TestServer server([](const Asked&, Connection& connection) {
    connection.StartChunked();
    connection.Chunk("x");
    connection.Sleep(10'000);
  });
  Endpoint endpoint = {.url = server.url()};
  endpoint.limits.idle = std::chrono::seconds(1);
  EXPECT_TRUE(absl::IsDeadlineExceeded(Get(endpoint, "/").status()));
}

TEST(Http, StopEndsIt) {
  TestServer server([](const Asked&, Connection& connection) { connection.Sleep(10'000); });
  std::atomic<bool> stop{false};
  std::thread later([&stop] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop = true;
  });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(absl::IsCancelled(Get({.url = server.url(), .stop = &stop}, "/").status()));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  later.join();
}

TEST(Http, AServerThatDiesInTheMiddleIsTold) {
  TestServer server([](const Asked&, Connection& connection) {
    connection.StartChunked();
    connection.Chunk("data: {}\n\n");
    connection.Sleep(50);
    connection.Reset();
  });
  std::string taken;
  std::string content_type;
  const auto take = [&](std::string_view piece) {
    taken += piece;
    return absl::OkStatus();
  };
  const absl::Status done = PostStreaming({.url = server.url()}, "/", "{}", take, content_type);
  EXPECT_EQ(content_type, "text/event-stream");
  EXPECT_EQ(taken, "data: {}\n\n");
  EXPECT_TRUE(absl::IsDataLoss(done)) << done;
  EXPECT_FALSE(IsFromServer(done));
}

// A server may quote the key anywhere; half of it is too much too.
TEST(Http, AQuotedKeyIsStruckOutBeforeAnythingElse) {
  TestServer server([](const Asked& asked, Connection& connection) {
    const std::string quoted = asked.headers.at("authorization");
    if (asked.path == "/escaped") {
      return connection.Reply(400, R"({"error":{"message":"bad SECRETKEY\/1234567890"}})");
    }
    if (asked.path == "/late") {
      return connection.Reply(
          400, R"({"error":{"message":")" + std::string(185, 'x') + quoted + R"("}})");
    }
    connection.Reply(asked.path == "/plain" ? 500 : 200, "<p>" + quoted + "</p>", "text/html");
  });
  const Endpoint endpoint = {.url = server.url(), .key = Key("SECRETKEY/1234567890")};
  EXPECT_THAT(Message(Get(endpoint, "/escaped")), HasSubstr("HTTP 400: bad ***"));
  for (const char* path : {"/escaped", "/late", "/plain"}) {
    EXPECT_THAT(Message(Get(endpoint, path)), Not(HasSubstr("SECRET"))) << path;
  }
  EXPECT_EQ(*Get(endpoint, "/"), "<p>Bearer ***</p>");
}

TEST(Http, NobodyThere) {
  int port = 0;
  {
    port = TestServer([](const Asked&, Connection&) {}).port();
  }
  const auto answer = Get({.url = "http://127.0.0.1:" + std::to_string(port)}, "/");
  EXPECT_TRUE(absl::IsUnavailable(answer.status()));
  EXPECT_FALSE(IsFromServer(answer.status()));
}

TEST(Http, ThisMachineIsNotElsewhere) {
  TestServer server([](const Asked&, Connection& connection) { connection.Reply(404, ""); });
  EXPECT_FALSE(IsElsewhere({.url = server.url()}));
}

TEST(Http, OnlyCertificatesThatSomebodyVouchesFor) {
  const std::string tls = CAPACITY_SOURCE_DIR "/tests/prices/data/tls/";
  const testing::HttpServer server([](const testing::HttpRequest&) { return testing::Ok("there"); },
                                   tls + "certificate.pem", tls + "key.pem");
  const Endpoint endpoint = {.url = server.Url(""), .key = Key("sk-hidden")};
  const auto stranger = Get(endpoint, "/");
  EXPECT_THAT(Message(stranger), HasSubstr("certificate"));
  EXPECT_THAT(server.requests(), ::testing::IsEmpty());  // the key did not leave
  setenv("CURL_CA_BUNDLE", (tls + "certificate.pem").c_str(), 1);
  const auto known = Get(endpoint, "/");
  unsetenv("CURL_CA_BUNDLE");
  ASSERT_TRUE(known.ok()) << known.status();
  EXPECT_EQ(*known, "there");
}

TEST(Urls, AreCheckedAndKeepSecretsOut) {
  EXPECT_EQ(*CheckedUrl("http://127.0.0.1:8080/v1/"), "http://127.0.0.1:8080/v1");
  EXPECT_EQ(*CheckedUrl("HTTPS://host"), "HTTPS://host");
  for (const char* wrong :
       {"", "ftp://x", "http://", "127.0.0.1:8080", "http://a b/", "http://x/v1?api_key=sk-hidden",
        "http://x/#f", "http:///v1", "http://user:sk-hidden@x/v1", "http://x/\nHost: y"}) {
    const auto url = CheckedUrl(wrong);
    EXPECT_TRUE(absl::IsInvalidArgument(url.status())) << wrong;
    EXPECT_THAT(Message(url), Not(HasSubstr("sk-hidden"))) << wrong;
  }
}

TEST(Keys, ComeFromTheEnvironmentOrAFile) {
  unsetenv("ENGINE_TEST_NONE");
  EXPECT_THAT(Message(ApiKey::FromEnvironment("ENGINE_TEST_NONE")), HasSubstr("ENGINE_TEST_NONE"));
  setenv("ENGINE_TEST_NONE", "two words\r\nX: y", 1);
  EXPECT_THAT(Message(ApiKey::FromEnvironment("ENGINE_TEST_NONE")), Not(HasSubstr("two words")));
  const std::string path = ::testing::TempDir() + "engine-key";
  std::ofstream(path) << "sk-hidden\n";
  const auto key = ApiKey::FromFile(path);
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->Header(), "Authorization: Bearer sk-hidden");
  EXPECT_EQ(key->StruckFrom("a sk-hidden b sk-hidden"), "a *** b ***");
  // However JSON or a URL may write it.
  EXPECT_EQ(Key("SECRET/12\"\\34").StruckFrom(R"(a SECRET\/12\"\\34 b)"), "a *** b");
  EXPECT_EQ(Key("SECRET/1234").StruckFrom(R"(SECRET\u002F1234 SECRET%2f1234 \u0053ECRET/1234)"),
            "*** *** ***");
  EXPECT_EQ(Key("SECRET/1234").StruckFrom("SECRET/123 SECRET\\"), "SECRET/123 SECRET\\");
  // Nobody's secret, and part of what servers say.
  EXPECT_EQ(Key("data").StruckFromAnswer(R"({"data":[]})"), R"({"data":[]})");
  EXPECT_TRUE(absl::IsNotFound(ApiKey::FromFile("/no/such/file").status()));
}

}  // namespace
}  // namespace capacity::engine
