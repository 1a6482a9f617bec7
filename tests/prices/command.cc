// `planner prices` as a user runs it: the real binary, real files, a real server.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "planner/http/fetch.h"
#include "tests/prices/http_server.h"
#include "tests/support/json_schema.h"
#include "tests/support/program.h"

namespace capacity {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Planner;
using testing::Ran;
using testing::TempFile;

const std::string kData = std::string(CAPACITY_SOURCE_DIR) + "/tests/prices/data/";

std::string ReadAll(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Prices : public ::testing::Test {
 protected:
  Prices() {
    home_ = fs::path(::testing::TempDir()) /
            ("prices-" + std::to_string(getpid()) + "-" +
             ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(home_);
    fs::create_directories(home_);
  }
  ~Prices() override { fs::remove_all(home_); }

  // With a home of its own.
  Ran Run(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
    environment.push_back("HOME=" + home_.string());
    return Planner(arguments, environment);
  }

  Ran Import(const std::string& excerpt, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"prices", "import", kData + excerpt});
    return Run(more);
  }

  json Parsed(const Ran& ran) {
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    const json document = json::parse(ran.out, nullptr, false);
    EXPECT_FALSE(document.is_discarded()) << ran.out.substr(0, 200);
    return document;
  }

  std::string Store() const {
    return (home_ / ".local/share/capacity-planner/prices.jsonl").string();
  }

  fs::path home_;
};

void ExpectSchema(const json& document) {
  const std::string kind = document.value("kind", "");
  std::ifstream file(std::string(CAPACITY_SOURCE_DIR) + "/inventories/schema/output/" + kind +
                     ".schema.json");
  ASSERT_TRUE(file) << "no schema for kind " << kind;
  EXPECT_THAT(testing::SchemaViolations(json::parse(file), document), IsEmpty());
}

// A path is as long as it is.
std::string Without(const std::string& path, std::string text) {
  for (std::size_t at; (at = text.find(path)) != std::string::npos;) text.erase(at, path.size());
  return text;
}

std::size_t WidestLine(const std::string& text) {
  std::size_t widest = 0;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    const auto columns = std::count_if(line.begin(), line.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    });
    widest = std::max(widest, static_cast<std::size_t>(columns));
  }
  return widest;
}

// ---------------------------------------------------------------- import

TEST_F(Prices, ImportStoresUnderTheHomeAndTwiceIsOnce) {
  const Ran first = Import("litellm.json");
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr("LiteLLM of 2026-07-24: 12 prices; 12 new"));
  EXPECT_THAT(first.out, HasSubstr("wandb/openai/gpt-oss-120b"));
  const std::string before = ReadAll(Store());
  EXPECT_THAT(before, HasSubstr("{\"capacity_planner_prices\":1}\n"));
  EXPECT_THAT(Import("litellm.json").out, HasSubstr("0 new"));
  EXPECT_EQ(ReadAll(Store()), before);
}

TEST_F(Prices, XdgDataHomeGoesBeforeTheHome) {
  const std::string data = (home_ / "data").string();
  const Ran ran = Run({"prices", "import", kData + "litellm.json"}, {"XDG_DATA_HOME=" + data});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_TRUE(fs::exists(data + "/capacity-planner/prices.jsonl"));
  EXPECT_FALSE(fs::exists(Store()));
}

TEST_F(Prices, WithoutAHomeAFileMustBeNamed) {
  const Ran ran = Planner({"prices", "import", kData + "litellm.json"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.err, HasSubstr("--store"));
  const std::string store = (home_ / "p.jsonl").string();
  EXPECT_EQ(Planner({"prices", "import", kData + "litellm.json", "--store", store}).exit_code, 0);
}

TEST_F(Prices, ContradictionsAreListedWithBothSides) {
  Import("models_dev.json");
  const Ran ran = Import("litellm.json");
  EXPECT_THAT(ran.out, HasSubstr("CONTRADICTIONS 1"));
  EXPECT_THAT(ran.out, HasSubstr("0.2/0.6 catalogue 2026-07-24 is"));
  EXPECT_THAT(ran.out, HasSubstr("0.2/6 LiteLLM 2026-07-24 is not"));
}

TEST_F(Prices, BadInputChangesNothing) {
  Import("litellm.json");
  const std::string before = ReadAll(Store());
  const std::string cut = ReadAll(kData + "openrouter.json").substr(0, 900);
  for (const std::string& text : {cut, std::string("{}"), std::string("<html>"), std::string()}) {
    const Ran ran = Run({"prices", "import", TempFile(text, ".json")});
    EXPECT_EQ(ran.exit_code, 2) << text;
    EXPECT_THAT(ran.out, IsEmpty());
    EXPECT_THAT(ran.err, Not(IsEmpty()));
  }
  EXPECT_EQ(Run({"prices", "import", "/no/such/file"}).exit_code, 2);
  EXPECT_EQ(Run({"prices", "import", "/tmp"}).exit_code, 2);
  EXPECT_EQ(Import("openrouter.json", {"--feed", "litellm"}).exit_code, 2);
  EXPECT_EQ(Import("openrouter.json", {"--as-of", "2026-02-30"}).exit_code, 2);
  EXPECT_EQ(Import("openrouter.json", {"--as-of", "2199-01-01"}).exit_code, 2);
  EXPECT_EQ(ReadAll(Store()), before);
}

TEST_F(Prices, ADamagedStoreIsNamedAndKept) {
  Import("litellm.json");
  std::ofstream(Store(), std::ios::app) << "half a li";
  const std::string before = ReadAll(Store());
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"prices", "import", kData + "openrouter.json"},
        {"prices", "show", "gpt-4o"},
        {"prices", "list"},
        {"plan", "--budget", "10000"}}) {
    const Ran ran = Run(arguments);
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_THAT(ran.out, IsEmpty());
    EXPECT_THAT(ran.err, HasSubstr("prices.jsonl:14:1: damaged line"));
  }
  EXPECT_EQ(ReadAll(Store()), before);
  EXPECT_EQ(Run({"plan", "--budget", "10000", "--prices", "none"}).exit_code, 0);
}

// ---------------------------------------------------------------- show, list, decline

TEST_F(Prices, ShowListsEveryOfferOverTime) {
  Import("litellm.json");
  Import("openrouter.json");
  const Ran ran = Run({"prices", "show", "claude-sonnet-4.5"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("LiteLLM claude-sonnet-4-5"));
  EXPECT_THAT(ran.out, HasSubstr("openrouter"));
  EXPECT_THAT(ran.out, HasSubstr(">200k 6/22.5"));
  EXPECT_THAT(ran.out, HasSubstr("catalogue: "));
  EXPECT_THAT(ran.out, HasSubstr("not measurable"));
}

TEST_F(Prices, ShowFindsListingsThatNoModelIs) {
  Import("llm_prices_historical.json", {"--as-of", "2026-07-30"});
  const Ran ran = Run({"prices", "show", "deepseek-chat"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("0.27"));
  EXPECT_THAT(ran.out, HasSubstr("Decline: -"));
  const Ran unknown = Run({"prices", "show", "deepseek-chad"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("did you mean \"deepseek-chat\""));
}

TEST_F(Prices, DeclineIsMeasuredFromOnesOwnImports) {
  for (const auto& [day, output] :
       {std::pair("2025-08-05", "0.0000006"), std::pair("2026-06-26", "0.00000015")}) {
    const std::string feed = std::string(R"({"data": [{"id": "openai/gpt-oss-120b",
        "pricing": {"prompt": "0.00000015", "completion": ")") +
                             output + "\"}}]}";
    ASSERT_EQ(Run({"prices", "import", TempFile(feed, ".json"), "--as-of", day}).exit_code, 0);
  }
  const json document = Parsed(Run({"prices", "decline", "--output", "json"}));
  ExpectSchema(document);
  ASSERT_EQ(document["baselines"].size(), 1u);
  EXPECT_EQ(document["baselines"][0]["baseline"], "same-model-hosted");
  // 0.7 x 0.6 + 0.3 x 0.15 to 0.15, over 325 days.
  EXPECT_NEAR(document["baselines"][0]["mid"].get<double>(),
              1 - std::pow(0.15 / 0.465, 365.25 / 325), 1e-9);
}

TEST_F(Prices, EveryAnswerObeysItsSchemaAndTheTerminal) {
  const json imported = Parsed(Import("litellm.json", {"--output", "json"}));
  ExpectSchema(imported);
  EXPECT_EQ(imported["refused"].size(), 2u);
  Import("models_dev.json");
  Import("openrouter.json");
  Import("llm_prices_historical.json");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"prices", "show", "gpt-oss-120b"},
        {"prices", "show", "claude-sonnet-4.5"},
        {"prices", "list"},
        {"prices", "decline"},
        {"prices", "import", kData + "litellm.json"}}) {
    std::vector<std::string> with_json = arguments;
    with_json.insert(with_json.end(), {"--output", "json"});
    ExpectSchema(Parsed(Run(with_json)));
    for (const std::size_t columns : {80u, 100u}) {
      const Ran ran = Run(arguments, {"COLUMNS=" + std::to_string(columns)});
      EXPECT_LE(WidestLine(Without(Store(), ran.out)), columns) << ran.out;
    }
  }
}

TEST_F(Prices, NumbersAreShownAsTheyWereWritten) {
  Import("openrouter.json");
  const std::string json_text = Run({"prices", "show", "qwen3-30b-a3b", "--output", "json"}).out;
  EXPECT_THAT(json_text, HasSubstr("\"input_usd_per_mtok\": 0.04815,"));
  EXPECT_THAT(json_text, HasSubstr("\"output_usd_per_mtok\": 0.19305,"));
  EXPECT_THAT(Run({"prices", "show", "qwen3-30b-a3b"}).out, HasSubstr("0.04815  0.19305"));
}

TEST_F(Prices, AnImportThatKeepsNothingFailsAndSaysWhy) {
  const std::string feed = TempFile(
      R"({"free": {"litellm_provider": "x", "input_cost_per_token": 0, "output_cost_per_token": 0},
          "half": {"litellm_provider": "x", "input_cost_per_token": 0,
                   "output_cost_per_token": 1e-6}})",
      ".json");
  const Ran ran = Run({"prices", "import", feed, "--as-of", "2026-10-01"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, HasSubstr("nothing was stored: 2 rows of LiteLLM, of which 1 free"));
  EXPECT_THAT(ran.err, HasSubstr("half at x: input is zero, but output is $1/Mtok"));
  EXPECT_FALSE(fs::exists(Store()));
}

TEST_F(Prices, WhatIsNoFeedIsNamedWithItsPlace) {
  const std::string broken = TempFile("{\n  oops\n}", ".json");
  const Ran ran = Run({"prices", "import", broken});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.err, HasSubstr(broken + ":2:"));
  EXPECT_THAT(ran.err, HasSubstr("would be right"));
  EXPECT_THAT(Import("litellm.json", {"--feed", "models.dev"}).err,
              HasSubstr("it has that of LiteLLM: --feed litellm"));
  EXPECT_THAT(Import("litellm.json", {"--as-of", "1999-10-25"}).err,
              HasSubstr("no day from 2000-01-01 to today"));
}

TEST_F(Prices, ShowSaysWhichPricesNoPlanUses) {
  Import("litellm.json");
  EXPECT_THAT(Run({"prices", "show", "claude-sonnet-4.5"}).out, HasSubstr("are not used by plans"));
}

TEST_F(Prices, DeclineGivesTheLinesThatPlansTake) {
  for (const auto& [day, price] :
       {std::pair("2026-01-01", "1e-06"), std::pair("2026-10-01", "5e-07")}) {
    const std::string feed = absl::StrCat(
        R"({"acme/openai/gpt-oss-120b": {"litellm_provider": "acme", "mode": "chat",
            "input_cost_per_token": )",
        price, R"(, "output_cost_per_token": )", price, "}}");
    ASSERT_EQ(Run({"prices", "import", TempFile(feed, ".json"), "--as-of", day}).exit_code, 0);
  }
  const Ran ran = Run({"prices", "decline"});
  const std::size_t at = ran.out.find("economics:\n");
  ASSERT_NE(at, std::string::npos) << ran.out;
  // 1 - 0.5^(365.25 / 273) a year.
  EXPECT_THAT(ran.out, HasSubstr("same-model-hosted: {low: 0.604, mid: 0.604, high: 0.604}"));
  const std::string inventory =
      TempFile("schema: capacity-planner/inventory/v1\nnodes: []\n" + ran.out.substr(at), ".yaml");
  const Ran checked = Run({"inventory", "check", inventory});
  EXPECT_EQ(checked.exit_code, 0) << checked.err;
}

// ---------------------------------------------------------------- plans use them

TEST_F(Prices, OneWrongRowMovesNoPlan) {
  const auto payoff = [&] {
    return Run({"payoff", "--machine", "dgx-spark", "--model", "gpt-oss-120b"}).out;
  };
  const std::string before = payoff();
  ASSERT_THAT(before, HasSubstr("claude-opus-4.5"));
  for (const char* price : {"5e-05", "5e-07"}) {
    const std::string feed = absl::StrCat(
        R"({"claude-opus-4-5": {"litellm_provider": "anthropic", "mode": "chat",
            "input_cost_per_token": )",
        price, R"(, "output_cost_per_token": )", price, "}}");
    const Ran ran = Run({"prices", "import", TempFile(feed, ".json"), "--as-of", "2026-10-02",
                         "--store", (home_ / price).string()});
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("to confirm"));
    EXPECT_EQ(Run({"payoff", "--machine", "dgx-spark", "--model", "gpt-oss-120b", "--prices",
                   (home_ / price).string()})
                  .out,
              before);
  }
}

TEST_F(Prices, PlansUseNewerPricesAndSayWhence) {
  const json before = Parsed(Run({"catalog", "prices", "--output", "json"}));
  const std::string feed = R"({"claude-opus-4-5": {"litellm_provider": "anthropic", "mode": "chat",
      "input_cost_per_token": 1e-06, "output_cost_per_token": 5e-06}})";
  ASSERT_EQ(Run({"prices", "import", TempFile(feed, ".json"), "--as-of", "2026-11-01"}).exit_code,
            0);
  const auto opus = [](const json& document) {
    for (const json& row : document["tokens"]) {
      if (row["model"] == "claude-opus-4.5") return row;
    }
    return json();
  };
  const json after = Parsed(Run({"catalog", "prices", "--output", "json"}));
  EXPECT_EQ(opus(before)["output_usd_per_mtok"], 25);
  EXPECT_EQ(opus(after)["output_usd_per_mtok"], 5);
  EXPECT_EQ(opus(after)["provenance"]["as_of"], "2026-11-01");
  EXPECT_EQ(opus(after)["provenance"]["source"], "LiteLLM claude-opus-4-5");
  EXPECT_EQ(opus(Parsed(Run({"catalog", "prices", "--prices", "none", "--output", "json"}))),
            opus(before));
  // A workload that replaces Opus is worth a fifth.
  const std::string inventory = TempFile(
      "schema: capacity-planner/inventory/v1\nnodes: [{machine: dgx-spark}]\n"
      "workloads: [{name: w, replaces: claude-opus-4.5, tokens_per_day: {output: 100k}}]\n");
  const std::vector<std::string> plan = {"plan",    "--budget", "10000", "--inventory",
                                         inventory, "--output", "json"};
  const std::string with = Run(plan).out;
  std::vector<std::string> without = plan;
  without.insert(without.end(), {"--prices", "none"});
  EXPECT_NE(with, Run(without).out);
  const Ran missing = Run({"plan", "--budget", "10000", "--prices", "/no/such.jsonl"});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.err, HasSubstr("no such price history"));
}

// ---------------------------------------------------------------- update

class Update : public Prices {
 protected:
  Ran Fetch(const HttpServer& server, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"prices", "update", "--feed", "openrouter", "--url",
                               server.Url("/models"), "--timeout", "2"});
    return Run(more);
  }

  const std::string body_ = R"({"data": [{"id": "openai/gpt-oss-120b",
      "pricing": {"prompt": "0.00000003", "completion": "0.00000015"}}]})";
};

TEST_F(Update, FetchesAndStores) {
  const HttpServer server([&](const HttpRequest&) { return testing::Ok(body_); });
  const Ran ran = Fetch(server);
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("1 price; 1 new"));
  EXPECT_THAT(ReadAll(Store()), HasSubstr("\"input\":0.03,\"output\":0.15"));
  ExpectSchema(Parsed(Fetch(server, {"--output", "json"})));
}

TEST_F(Update, AsksOnlyForWhatIsNew) {
  const HttpServer server([&](const HttpRequest& request) {
    const auto it = request.headers.find("if-none-match");
    return it != request.headers.end() && it->second == "\"v1\""
               ? testing::Status(304, {"ETag: \"v1\""})
               : testing::Ok(body_, {"ETag: \"v1\""});
  });
  ASSERT_EQ(Fetch(server).exit_code, 0);
  const Ran again = Fetch(server);
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("Nothing new"));
  // Without a store everything is fetched anew, whatever the server said before.
  fs::remove(Store());
  EXPECT_THAT(Fetch(server).out, HasSubstr("1 new"));
}

TEST_F(Update, FollowsAFewRedirectsAndNoMore) {
  const HttpServer server([&](const HttpRequest& request) {
    if (request.path == "/models") return testing::Status(302, {"Location: /moved"});
    if (request.path == "/moved") return testing::Ok(body_);
    return testing::Status(302, {"Location: " + request.path + "x"});
  });
  EXPECT_EQ(Fetch(server).exit_code, 0);
  const Ran loop = Run({"prices", "update", "--url", server.Url("/loop"), "--timeout", "2"});
  EXPECT_EQ(loop.exit_code, 1);
  EXPECT_THAT(loop.err, HasSubstr("redirects"));
}

TEST_F(Update, WhatFailsLeavesNothingBehind) {
  Import("litellm.json");
  const std::string before = ReadAll(Store());
  const std::string cut = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{\"data\": [";
  const struct {
    const char* what;
    HttpReply reply;
    const char* expected;
  } kCases[] = {
      {"404", testing::Status(404), "HTTP 404"},
      {"500", testing::Status(500), "HTTP 500"},
      {"403", testing::Status(403), "refused"},
      {"breaks off", {cut}, "broke off"},
      {"no answer", {"", 5000}, "no answer in time"},
      {"empty answer", {""}, "broke off"},
      {"truncated JSON", testing::Ok(body_.substr(0, 60)), "ends too early"},
      {"a web page", testing::Ok("<html>please log in</html>"), "not JSON"},
      {"another form", testing::Ok("{\"a\": 1}"), "form of OpenRouter"},
      {"to a file", testing::Status(302, {"Location: file:///etc/passwd"}), "not an http"},
  };
  for (const auto& test : kCases) {
    const HttpServer server([&](const HttpRequest&) { return test.reply; });
    const Ran ran = Fetch(server);
    EXPECT_EQ(ran.exit_code, 1) << test.what;
    EXPECT_THAT(ran.err, HasSubstr(test.expected)) << test.what;
    EXPECT_EQ(ReadAll(Store()), before) << test.what;
  }
  for (const char* url : {"file:///etc/passwd", "ftp://127.0.0.1/x", "not a url", ""}) {
    EXPECT_NE(Run({"prices", "update", "--url", url, "--feed", "openrouter", "--timeout", "1"},
                  {"https_proxy=http://127.0.0.1:1"})
                  .exit_code,
              0)
        << url;
  }
  EXPECT_EQ(ReadAll(Store()), before);
}

TEST_F(Update, HonoursTheProxyOfTheEnvironment) {
  const HttpServer proxy([&](const HttpRequest&) { return testing::Ok(body_); });
  const Ran ran =
      Run({"prices", "update", "--url", "http://prices.invalid/models", "--timeout", "2"},
          {"http_proxy=" + proxy.Url("")});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  ASSERT_EQ(proxy.requests().size(), 1u);
  EXPECT_EQ(proxy.requests()[0].path, "http://prices.invalid/models");
}

TEST_F(Update, TrustsOnlyCertificatesOfThisHostThatSomebodyVouchesFor) {
  const auto handler = [&](const HttpRequest&) { return testing::Ok(body_); };
  const std::string own = kData + "tls/certificate.pem";
  const HttpServer server(handler, own, kData + "tls/key.pem");
  const std::vector<std::string> update = {
      "prices", "update", "--feed", "openrouter", "--url", server.Url("/models"), "--timeout", "5"};
  const Ran unknown = Run(update);
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.err, HasSubstr("certificate"));
  EXPECT_FALSE(fs::exists(Store()));

  const Ran known = Run(update, {"CURL_CA_BUNDLE=" + own});
  EXPECT_EQ(known.exit_code, 0) << known.err;
  EXPECT_THAT(known.out, HasSubstr("1 new"));

  const std::string other = kData + "tls/elsewhere.pem";
  const HttpServer elsewhere(handler, other, kData + "tls/elsewhere-key.pem");
  const Ran wrong_host = Run({"prices", "update", "--feed", "openrouter", "--url",
                              elsewhere.Url("/models"), "--timeout", "5"},
                             {"CURL_CA_BUNDLE=" + other});
  EXPECT_EQ(wrong_host.exit_code, 1);
  EXPECT_TRUE(server.requests().size() == 1 && elsewhere.requests().empty());

  const HttpServer redirecting(
      [&](const HttpRequest&) { return testing::Status(302, {"Location: http://127.0.0.1:1/"}); },
      own, kData + "tls/key.pem");
  const Ran downgraded = Run({"prices", "update", "--feed", "openrouter", "--url",
                              redirecting.Url("/models"), "--timeout", "5"},
                             {"CURL_CA_BUNDLE=" + own});
  EXPECT_EQ(downgraded.exit_code, 1);
  EXPECT_THAT(downgraded.err, HasSubstr("not an http"));
}

TEST(Fetch, RefusesMoreThanTheLimit) {
  const std::string large(200'000, 'x');
  for (const bool announced : {true, false}) {
    const HttpServer server([&](const HttpRequest&) {
      return announced ? testing::Ok(large) : HttpReply{"HTTP/1.0 200 OK\r\n\r\n" + large};
    });
    http::FetchLimits limits;
    limits.bytes = 100'000;
    const auto fetched = http::Fetch(server.Url("/"), {}, limits);
    EXPECT_EQ(fetched.status().code(), absl::StatusCode::kOutOfRange) << announced;
    limits.bytes = 200'000;
    EXPECT_TRUE(http::Fetch(server.Url("/"), {}, limits).ok());
  }
}

}  // namespace
}  // namespace capacity
