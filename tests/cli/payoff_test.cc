// `planner payoff` of one machine and of a ladder, as a user runs it.
#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/json_schema.h"
#include "tests/support/program.h"

namespace capacity {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Planner;
using testing::Ran;
using testing::TempFile;

const std::string kInventories = std::string(CAPACITY_SOURCE_DIR) + "/inventories/";

// The JSON answer, which obeys its schema.
json Answer(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "payoff");
  arguments.insert(arguments.end(), {"--output", "json"});
  const Ran ran = Planner(arguments);
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  const json document = json::parse(ran.out, nullptr, false);
  EXPECT_FALSE(document.is_discarded()) << ran.out.substr(0, 200);
  std::ifstream file(kInventories + "schema/output/" + document.value("kind", "") + ".schema.json");
  EXPECT_TRUE(file.good()) << document.value("kind", "");
  EXPECT_THAT(testing::SchemaViolations(json::parse(file), document), IsEmpty());
  return document;
}

const std::vector<std::string> kSpark = {"--machine", "dgx-spark", "--model",       "gpt-oss-120b",
                                         "--price",   "3999",      "--utilization", "0.25"};

std::vector<std::string> With(std::vector<std::string> arguments,
                              const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(PayoffOfAMachine, AddsUpUnderEveryPrice) {
  const json answer = Answer(kSpark);
  ASSERT_EQ(answer["purchases"].size(), 3u);
  EXPECT_EQ(answer["purchases"][2]["title"], "cheapest host");
  EXPECT_LE(answer["purchases"][2]["rented_usd_per_output_mtok"],
            answer["purchases"][1]["rented_usd_per_output_mtok"]);
  EXPECT_EQ(answer["purchases"][0]["baseline"], "frontier-equivalent");
  EXPECT_EQ(answer["purchases"][1]["baseline"], "same-model-hosted");
  for (const json& purchase : answer["purchases"]) {
    const double gross = purchase["gross_saving_usd_per_month"]["mid"];
    const double mtok = purchase["output_mtok_per_month"];
    const double price = purchase["rented_usd_per_output_mtok"];
    EXPECT_NEAR(gross, mtok * price, 1e-4 * gross);
    const double electricity = purchase["electricity_usd_per_month"]["mid"].get<double>() +
                               purchase["standby_usd_per_month"].get<double>();
    const double months = purchase["simple_payback_months"];
    EXPECT_NEAR(months, 3999 / (gross - electricity), 1e-4 * months);
    // 25 % of 720 hours at the stated speed, some of it spent on prompts.
    const double most = purchase["decode_tps"].get<double>() * 3600 * 180 / 1e6;
    EXPECT_LT(mtok, most);
    EXPECT_GT(mtok, 0.9 * most);
  }
}

TEST(PayoffOfAMachine, ItsMonthsAddUpToTheCent) {
  const json answer = Answer(kSpark);
  for (const json& purchase : answer["purchases"]) {
    long long cents = -399900;
    for (const json& month : purchase["months"]) {
      cents += std::llround(month["net_usd"].get<double>() * 100);
      EXPECT_EQ(cents, std::llround(month["cumulative_usd"].get<double>() * 100));
    }
    EXPECT_EQ(purchase["months"].size(), purchase["horizon_months"].get<std::size_t>());
  }
}

TEST(PayoffOfAMachine, TheGridHoldsTheAnswerItself) {
  const json answer = Answer(kSpark);
  for (const json& purchase : answer["purchases"]) {
    for (const json& cell : purchase["grid"]) {
      if (cell["utilization"] != 0.25 || cell["annual_price_decline"] != 0) continue;
      if (cell["payback_months"].is_null()) {
        EXPECT_GT(purchase["simple_payback_months"].get<double>(), 240);
      } else {
        EXPECT_NEAR(cell["payback_months"].get<double>(),
                    purchase["simple_payback_months"].get<double>(), 1e-3);
      }
    }
  }
}

TEST(PayoffOfAMachine, WithoutElectricityEverythingIsCheaper) {
  const json with = Answer(kSpark)["purchases"];
  const json without = Answer(With(kSpark, {"--electricity", "0"}))["purchases"];
  for (std::size_t i = 0; i < with.size(); ++i) {
    EXPECT_EQ(without[i]["electricity_usd_per_month"]["mid"], 0);
    EXPECT_LT(without[i]["simple_payback_months"], with[i]["simple_payback_months"]);
    EXPECT_GT(without[i]["net_present_value_usd"], with[i]["net_present_value_usd"]);
    EXPECT_LT(without[i]["levelised_usd_per_output_mtok"],
              with[i]["levelised_usd_per_output_mtok"]);
    EXPECT_TRUE(without[i]["months_worth_running"].is_null());
  }
}

TEST(PayoffOfAMachine, StatedHoursHaveNoRangeAndUnstatedOnesTheArticles) {
  EXPECT_EQ(Answer(kSpark)["purchases"][0]["utilization"]["low"], 0.25);
  const json unstated = Answer({"--machine", "dgx-spark", "--model", "gpt-oss-120b"});
  EXPECT_EQ(unstated["purchases"][0]["utilization"]["low"], 0.1);
  EXPECT_EQ(unstated["purchases"][0]["utilization"]["high"], 0.5);
}

TEST(PayoffOfAMachine, APresetChangesTheWork) {
  const json fleet = Answer({"--machine", "dgx-spark", "--model", "gpt-oss-120b", "--workload",
                             "agent-fleet"})["purchases"][0];
  EXPECT_EQ(fleet["utilization"]["mid"], 1);
}

TEST(PayoffOfAMachine, UsesTheCostsOfTheInventory) {
  const std::string file = TempFile(
      "schema: capacity-planner/inventory/v1\n"
      "nodes: [{machine: dgx-spark}]\n"
      "economics:\n"
      "  utilization: {low: 0.2, mid: 0.4, high: 0.6}\n"
      "  electricity_usd_per_kwh: {low: 0.1, mid: 0.3, high: 0.4}\n"
      "  costs:\n"
      "    horizon_months: 24\n"
      "    maintenance_share_per_year: 0.1\n"
      "    currency: {code: EUR, per_usd: 0.5}\n");
  const std::vector<std::string> arguments = {
      "--machine", "dgx-spark", "--model", "gpt-oss-120b", "--price", "4000", "--inventory", file};
  const json answer = Answer(arguments);
  EXPECT_EQ(answer["costs"]["horizon_months"], 24);
  EXPECT_TRUE(answer["costs"]["maintenance_stated"]);
  EXPECT_EQ(answer["purchases"][0]["utilization"]["high"], 0.6);
  EXPECT_EQ(answer["purchases"][0]["cost_usd"]["mid"], 4000) << "JSON stays in US dollars";
  const Ran text = Planner(With({"payoff"}, arguments));
  EXPECT_THAT(text.out, HasSubstr("2,000 EUR"));
  EXPECT_THAT(text.out, HasSubstr("amounts in EUR at 0.5 for a US dollar"));
}

TEST(PayoffOfAMachine, ASubscriptionIsCancelledWhenEverythingIsServed) {
  const auto with = [](const std::string& tokens) {
    return TempFile(
        "schema: capacity-planner/inventory/v1\n"
        "nodes: [{machine: dgx-spark}]\n"
        "workloads: [{name: w, preset: article, tokens_per_day: {output: " +
        tokens +
        "}}]\n"
        "economics:\n"
        "  baselines:\n"
        "    subscription: {name: max, usd_per_month: 200, quota_mtok: 60}\n");
  };
  const std::vector<std::string> spark = {"--machine", "dgx-spark", "--model", "gpt-oss-120b"};
  // 1M output and 0.43M input a day are 42.9 Mtok a month: one plan, cancelled.
  const json all = Answer(With(spark, {"--inventory", with("1M")}))["purchases"].back();
  EXPECT_EQ(all["title"], "max");
  EXPECT_TRUE(all["baseline"].is_null());
  EXPECT_EQ(all["gross_saving_usd_per_month"]["mid"], 200);
  EXPECT_TRUE(all["caveat"].is_null());
  // 4M a day are three plans; a machine that serves some of it saves whole plans only.
  const json part = Answer(With(spark, {"--inventory", with("4M")}))["purchases"].back();
  const double saved = part["gross_saving_usd_per_month"]["mid"];
  EXPECT_EQ(std::fmod(saved, 200), 0);
  EXPECT_LT(saved, 600);
  EXPECT_THAT(part["caveat"].get<std::string>(), HasSubstr("cannot be cancelled"));
}

TEST(CustomBaseline, IsAColumnOfThePayoffAndALadderOfThePlan) {
  const std::string file = TempFile(
      "schema: capacity-planner/inventory/v1\n"
      "nodes: [{machine: dgx-spark}]\n"
      "economics:\n"
      "  baselines:\n"
      "    custom: {name: our bill, input_usd_per_mtok: 2, output_usd_per_mtok: 10}\n");
  const json payoff = Answer({"--machine", "dgx-spark", "--model", "gpt-oss-120b", "--inventory",
                              file})["purchases"]
                          .back();
  EXPECT_EQ(payoff["baseline"], "custom");
  EXPECT_EQ(payoff["instead_of"], "our bill");
  EXPECT_NEAR(payoff["rented_usd_per_output_mtok"].get<double>(), 10 + 2 * 3.0 / 7, 1e-3);

  const std::vector<std::string> plan = {"plan", "--budget", "10000", "--inventory", file};
  const Ran ran = Planner(With(plan, {"--baseline", "custom", "--output", "json"}));
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const json document = json::parse(ran.out);
  bool held = false;
  for (const json& ladder : document["by_baseline"]) held |= ladder["baseline"] == "custom";
  EXPECT_TRUE(held);
  // A custom price is that of every model: the fastest one is worth most.
  for (const json& placement : document["placements"]) {
    EXPECT_FALSE(placement["value_usd_per_month_by_baseline"]["custom"].is_null());
  }
}

TEST(CustomBaseline, IsRefusedWhereNobodyStatesThePrice) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"plan", "--budget", "10000"}, {"payoff", "--risk"}}) {
    const Ran ran = Planner(With(arguments, {"--baseline", "custom"}));
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_THAT(ran.out, IsEmpty());
    EXPECT_THAT(ran.err, HasSubstr("no custom price is stated"));
  }
}

TEST(PayoffOfAMachine, WhatDoesNotFitIsAnAnswer) {
  const json answer = Answer({"--machine", "mac-mini-m4-16gb", "--model", "gpt-oss-120b"});
  EXPECT_THAT(answer["purchases"], IsEmpty());
  EXPECT_THAT(answer["notes"][0].get<std::string>(), HasSubstr("does not run"));
}

TEST(PayoffRisk, ProbabilitiesAndTornadoAreOrdered) {
  const json answer = Answer({"--risk", "--machine", "dgx-spark", "--model", "gpt-oss-120b"});
  for (const json& purchase : answer["purchases"]) {
    const json& risk = purchase["risk"];
    EXPECT_EQ(risk["draws"], 10000);
    EXPECT_LE(risk["within_6_months"], risk["within_12_months"]);
    EXPECT_LE(risk["within_12_months"], risk["within_24_months"]);
    EXPECT_EQ(purchase["grid"].size(), 16u);
    double last = 1e18;
    for (const json& bar : purchase["tornado"]) {
      const double swing = std::abs(bar["net_present_value_usd_at_high"].get<double>() -
                                    bar["net_present_value_usd_at_low"].get<double>());
      EXPECT_LE(swing, last);
      last = swing;
    }
  }
}

TEST(PayoffRisk, OfALadderHasTheRungsOfThePlan) {
  const json answer =
      Answer({"--risk", "--inventory", kInventories + "two-sparks.yaml", "--budget", "15000"});
  const Ran ran = Planner({"plan", "--inventory", kInventories + "two-sparks.yaml", "--budget",
                           "15000", "--output", "json"});
  const json plan = json::parse(ran.out);
  ASSERT_FALSE(plan["purchases"].empty());
  // First what is owned, then the rungs.
  ASSERT_EQ(answer["purchases"].size(), plan["purchases"].size() + 1);
  EXPECT_EQ(answer["purchases"][0]["subject"], "fleet");
  EXPECT_EQ(answer["purchases"][0]["grid"].size(), 16u);
  for (std::size_t i = 0; i < plan["purchases"].size(); ++i) {
    const json& purchase = answer["purchases"][i + 1];
    const json& rung = plan["purchases"][i];
    EXPECT_EQ(purchase["subject"], "rung");
    EXPECT_EQ(purchase["cost_usd"]["mid"], rung["cost_usd"]);
    const double months = rung["marginal_payoff_months"]["mid"];
    EXPECT_NEAR(purchase["simple_payback_months"].get<double>(), months, 1e-3 * months);
  }
}

TEST(PayoffRisk, OfTheArticleShowsEveryRow) {
  const json answer = Answer({"--preset", "article", "--risk"});
  EXPECT_EQ(answer["risk_of_every_row"].size(), 256u);
  EXPECT_EQ(answer["risk"].size(), 32u);
  EXPECT_THAT(Planner({"payoff", "--preset", "article", "--risk"}).out, HasSubstr("16 of 16"));
}

TEST(PayoffText, FitsTheTerminal) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"payoff", "--risk", "--machine", "dgx-spark", "--model", "gpt-oss-120b"},
           {"payoff", "--risk", "--budget", "12000"},
           {"payoff", "--risk", "--preset", "article"}}) {
    const Ran ran = Planner(arguments, {"COLUMNS=100"});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    std::size_t from = 0;
    while (from < ran.out.size()) {
      std::size_t to = ran.out.find('\n', from);
      if (to == std::string::npos) to = ran.out.size();
      const std::string line = ran.out.substr(from, to - from);
      std::size_t columns = 0;
      for (const char c : line) columns += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
      EXPECT_LE(columns, 100u) << line;
      from = to + 1;
    }
  }
}

TEST(PayoffArguments, ThatMakeNoSenseAreRefused) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> kWrong = {
      {{"--machine", "dgx-sparc", "--model", "gpt-oss-120b"}, "dgx-spark"},
      {{"--machine", "dgx-spark", "--model", "gpt-oss-121b"}, "gpt-oss-120b"},
      {{"--machine", "dgx-spark"}, "--model"},
      {{"--model", "gpt-oss-120b"}, "--machine"},
      {{"--price", "4000"}, "--machine"},
      {{"--machine", "dgx-spark", "--model", "gpt-oss-120b", "--price", "cheap"}, "--price"},
      {{"--machine", "dgx-spark", "--model", "gpt-oss-120b", "--workload", "chatt"}, "chat"},
      {{"--machine", "dgx-spark", "--model", "gpt-oss-120b", "--preset", "article"}, "--preset"},
      {{"--machine", "mac-studio-m3-ultra-512gb", "--model", "gpt-oss-120b"}, "no price"},
      {{"--utilization", "0.5"}, "--utilization"},
      {{"--utilization", "2", "--risk"}, "--utilization"}};
  for (const auto& [arguments, said] : kWrong) {
    const Ran ran = Planner(With({"payoff"}, arguments));
    EXPECT_EQ(ran.exit_code, 2) << ran.out;
    EXPECT_THAT(ran.out, IsEmpty());
    EXPECT_THAT(ran.err, HasSubstr(said));
  }
}

}  // namespace
}  // namespace capacity
