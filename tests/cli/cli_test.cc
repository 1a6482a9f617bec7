// The planner as a user runs it: the real binary, real files, exit codes and both outputs.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/json_schema.h"
#include "tests/support/program.h"

namespace capacity {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Planner;
using testing::Ran;
using testing::TempFile;

const std::string kInventories = std::string(CAPACITY_SOURCE_DIR) + "/inventories/";

json Parsed(const Ran& ran) {
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  const json document = json::parse(ran.out, nullptr, false);
  EXPECT_FALSE(document.is_discarded()) << ran.out.substr(0, 200);
  return document;
}

// The document obeys the published schema of its kind.
void ExpectSchema(const json& document) {
  const std::string kind = document.value("kind", "");
  std::ifstream file(kInventories + "schema/output/" + kind + ".schema.json");
  ASSERT_TRUE(file) << "no schema for kind " << kind;
  EXPECT_THAT(testing::SchemaViolations(json::parse(file), document), IsEmpty());
}

std::vector<std::string> Inventories() {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(kInventories)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() == ".yaml" && name != "calibration.yaml") {
      files.push_back(entry.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
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

TEST(PlanCommand, ExampleFleetReadsInOrder) {
  const Ran ran = Planner({"plan", "--budget", "10000"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.err, IsEmpty());
  const auto today = ran.out.find("RUNS TODAY");
  const auto ladder = ran.out.find("WHAT TO BUY NEXT");
  const auto change = ran.out.find("WOULD CHANGE THE ANSWER");
  EXPECT_EQ(ran.out.find("Assumed:"), 0u);
  EXPECT_LT(today, ladder);
  EXPECT_LT(ladder, change);
  EXPECT_NE(change, std::string::npos);
  EXPECT_THAT(ran.out, HasSubstr("no workload is stated"));
}

TEST(PlanCommand, FitsTheTerminal) {
  for (const std::string& inventory : Inventories()) {
    for (const std::size_t columns : {100u, 80u}) {
      const Ran ran = Planner({"plan", "--budget", "20000", "--inventory", inventory},
                              {"COLUMNS=" + std::to_string(columns)});
      EXPECT_LE(WidestLine(ran.out), columns) << inventory << "\n" << ran.out;
    }
  }
}

TEST(PlanCommand, NoEscapesWhenNotATerminal) {
  EXPECT_THAT(Planner({"plan", "--budget", "10000"}).out, Not(HasSubstr("\033")));
}

TEST(PlanCommand, EveryExampleObeysTheSchema) {
  for (const std::string& inventory : Inventories()) {
    SCOPED_TRACE(inventory);
    ExpectSchema(Parsed(
        Planner({"plan", "--budget", "15000", "--inventory", inventory, "--output", "json"})));
  }
}

TEST(PlanCommand, SameInputSameBytes) {
  const std::vector<std::string> arguments = {
      "plan",     "--budget", "15000", "--inventory", kInventories + "home-lab.yaml",
      "--output", "json"};
  EXPECT_EQ(Planner(arguments).out, Planner(arguments).out);
}

TEST(PlanCommand, LadderAddsUpAndStaysWithinTheBudget) {
  const json plan = Parsed(Planner({"plan", "--budget", "20000", "--output", "json"}));
  double spent = 0;
  double threshold = 0;
  for (const json& rung : plan["purchases"]) {
    double cost = 0;
    for (const json& item : rung["items"]) {
      EXPECT_NEAR(item["usd"].get<double>(),
                  item["unit_usd"].get<double>() * item["count"].get<int>(), 0.005);
      cost += item["usd"].get<double>();
    }
    EXPECT_NEAR(rung["cost_usd"].get<double>(), cost, 0.005);
    spent += cost;
    EXPECT_NEAR(rung["cumulative_usd"].get<double>(), spent, 0.005);
    EXPECT_GE(rung["threshold_months"].get<double>(), threshold);
    threshold = rung["threshold_months"];
    EXPECT_GT(rung["marginal_value_usd_per_month"].get<double>(), 0);
  }
  EXPECT_LE(spent, 20000);
  EXPECT_NEAR(plan["stopped"]["budget_left_usd"].get<double>(), 20000 - spent, 0.005);
}

TEST(PlanCommand, BothBaselinesStandSideBySide) {
  const json plan = Parsed(Planner({"plan", "--budget", "10000", "--output", "json"}));
  std::set<std::string> baselines;
  for (const json& ladder : plan["by_baseline"]) baselines.insert(ladder["baseline"]);
  EXPECT_EQ(baselines, (std::set<std::string>{"frontier-equivalent", "same-model-hosted"}));
}

TEST(PlanCommand, ExplainsARungInNumbersThatAgreeWithThePlan) {
  const json plan = Parsed(Planner({"plan", "--budget", "10000", "--output", "json"}));
  ASSERT_FALSE(plan["purchases"].empty());
  const json explained =
      Parsed(Planner({"plan", "--budget", "10000", "--explain", "1", "--output", "json"}));
  ExpectSchema(explained);
  EXPECT_EQ(explained["purchase"], plan["purchases"][0]);
  EXPECT_EQ(explained["before"], plan["today"]);
  const json& runner_up = explained["purchase"]["runner_up"];
  ASSERT_TRUE(runner_up.is_object());
  const double months = explained["purchase"]["threshold_months"];
  auto measure = [months](const json& purchase) {
    return purchase["marginal_value_usd_per_month"].get<double>() -
           purchase["cost_usd"].get<double>() / months;
  };
  EXPECT_NEAR(measure(explained["purchase"]) - measure(runner_up),
              runner_up["behind_usd_per_month"].get<double>(), 0.02);
  const Ran text = Planner({"plan", "--budget", "10000", "--explain", "1"});
  EXPECT_EQ(text.exit_code, 0);
  for (const char* part : {"RUNG 1 OF", "runner-up", "WHERE THE VALUE COMES FROM",
                           "WHAT THE INTERVAL IS MADE OF", "OTHER WAYS"}) {
    EXPECT_THAT(text.out, HasSubstr(part));
  }
  EXPECT_LE(WidestLine(text.out), 100u);
}

TEST(PlanCommand, WhatIfShowsBeforeAndAfter) {
  std::vector<std::string> arguments = {"plan",
                                        "--budget",
                                        "10000",
                                        "--inventory",
                                        kInventories + "home-lab.yaml",
                                        "--what-if",
                                        kInventories + "what-if/second-spark.yaml"};
  const Ran text = Planner(arguments);
  ASSERT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("WHAT IF"));
  arguments.insert(arguments.end(), {"--output", "json"});
  const json plan = Parsed(Planner(arguments));
  ExpectSchema(plan);
  EXPECT_EQ(plan["fleet"]["nodes"].size(), plan["before"]["fleet"]["nodes"].size() + 1);
}

TEST(FitCommand, ObeysTheSchemaAndSaysWhyNot) {
  const json fit =
      Parsed(Planner({"fit", "--inventory", kInventories + "one-m4-max.yaml", "--output", "json"}));
  ExpectSchema(fit);
  std::set<std::string> models;
  for (const json& row : fit["rows"]) {
    models.insert(row["model"]);
    EXPECT_EQ(row["fits"].get<bool>() && !row["decode_tps"].is_null(), row["why_not"].is_null())
        << row.dump();
  }
  EXPECT_GE(models.size(), 80u) << "every model of the catalogue has at least one row";
}

TEST(FitCommand, ContextAndKvTypeChangeTheMemory) {
  auto required = [](std::vector<std::string> extra) {
    std::vector<std::string> arguments = {
        "fit",     "--inventory",  kInventories + "one-m4-max.yaml",
        "--model", "llama-3.1-8b", "--quant",
        "q8_0",    "--output",     "json"};
    arguments.insert(arguments.end(), extra.begin(), extra.end());
    return Parsed(Planner(arguments))["rows"][0]["memory"][0]["required_bytes"].get<double>();
  };
  EXPECT_GT(required({"--context", "128k"}), required({"--context", "2k"}) + 15e9);
  EXPECT_LT(required({"--context", "128k", "--kv-type", "q8_0"}),
            required({"--context", "128k"}) - 7e9);
}

TEST(FitCommand, TheLongestContextIsAnsweredExactly) {
  std::vector<std::string> arguments = {
      "fit",        "--inventory", kInventories + "two-sparks.yaml",
      "--model",    "gemma-3-27b", "--quant",
      "q8_0",       "--kv-type",   "f16",
      "--parallel", "32",          "--top",
      "9",          "--output",    "json"};
  const auto with = [&](std::vector<std::string> extra) {
    extra.insert(extra.begin(), arguments.begin(), arguments.end());
    const json fit = Parsed(Planner(extra));
    ExpectSchema(fit);
    return fit["rows"];
  };
  const json rows = with({"--longest-context"});
  ASSERT_FALSE(rows.empty());
  for (const json& row : rows) {
    ASSERT_TRUE(row["fits"]) << row;
    EXPECT_GE(row["longest_context"].get<int>(), 8192) << row;
  }
  EXPECT_FALSE(with({})[0].contains("longest_context"));
  // The same question at the answer's edge.
  const int longest = rows[0]["longest_context"];
  const auto fits_at = [&](int context) {
    for (const json& row : with({"--context", std::to_string(context), "--all"})) {
      const bool same = row["strategy"] == rows[0]["strategy"] &&
                        row["engine"] == rows[0]["engine"] && row["nodes"] == rows[0]["nodes"];
      if (same) return row["fits"].get<bool>();
    }
    ADD_FAILURE() << "no such placement at " << context;
    return false;
  };
  EXPECT_TRUE(fits_at(longest));
  ASSERT_LT(longest, 131072) << "not limited by memory";
  EXPECT_FALSE(fits_at(longest + 1));
}

TEST(FitCommand, TheBreakdownHasEveryTermOfEveryNode) {
  const Ran text = Planner({"fit", "--inventory", kInventories + "two-sparks.yaml", "--model",
                            "qwen3-next-80b-a3b", "--quant", "q8_0", "--breakdown"});
  ASSERT_EQ(text.exit_code, 0) << text.err;
  for (const char* title : {"weights GB", "KV", "state", "buffers", "engine", "needs", "offers"}) {
    EXPECT_THAT(text.out, HasSubstr(title));
  }
}

TEST(FitCommand, AMeasurementOnTheNodeShiftsAndNarrowsItsOtherEstimates) {
  const std::string nodes =
      "schema: capacity-planner/inventory/v1\n"
      "nodes:\n"
      "  - {name: studio, machine: mac-studio-m4-max-128gb}\n";
  const std::string measured =
      nodes +
      "measurements:\n"
      "  - {node: studio, model: llama-3.1-8b, quant: mlx-4bit, engine: mlx, "
      "context: 512, decode_tps: 70}\n";
  auto decode = [](const std::string& inventory, const char* model, const char* context) {
    const json fit =
        Parsed(Planner({"fit", "--inventory", TempFile(inventory), "--model", model, "--quant",
                        "mlx-4bit", "--context", context, "--top", "9", "--output", "json"}));
    for (const json& row : fit["rows"]) {
      if (row["engine"] == "mlx") return row["decode_tps"];
    }
    return json();
  };
  const json same = decode(measured, "llama-3.1-8b", "512");
  EXPECT_EQ(same["source"], "measured");
  EXPECT_NEAR(same["mid"].get<double>(), 70, 0.5);
  const json before = decode(nodes, "qwen3-8b", "8k");
  const json after = decode(measured, "qwen3-8b", "8k");
  EXPECT_EQ(before["source"], "catalog-model");
  EXPECT_EQ(after["source"], "node-calibrated");
  EXPECT_LT(after["mid"].get<double>(), before["mid"].get<double>());
  auto width = [](const json& estimate) {
    return estimate["high"].get<double>() / estimate["low"].get<double>();
  };
  EXPECT_LT(width(after), width(before));
}

TEST(MeasurementsCommand, ImportedBenchmarksAreJudgedAndChangeThePlanning) {
  const std::string csv = TempFile(
      "id,engine_family,model_id,quant_id,kv_ctx,prompt_tokens,prefill_tps,decode_tps,date\n"
      "a,mlx,llama-3.1-8b,mlx-4bit,512,1024,500,70,2026-10-03\n"
      "b,mlx,mlx-community/Qwen3-8B-4bit,mlx-4bit,512,,,68,2026-11\n"
      "c,mlx,no-such-model,mlx-4bit,512,,,68,\n",
      ".csv");
  const Ran imported = Planner({"measurements", "import", csv, "--node", "studio"});
  ASSERT_EQ(imported.exit_code, 0) << imported.err;
  EXPECT_THAT(imported.err, HasSubstr("c is left out: no model of the catalogue"));
  ExpectSchema(
      Parsed(Planner({"measurements", "import", csv, "--node", "studio", "--output", "json"})));
  const std::string nodes = TempFile(
      "schema: capacity-planner/inventory/v1\n"
      "nodes:\n"
      "  - {name: studio, machine: mac-studio-m4-max-128gb}\n");
  const std::string what_if = TempFile(imported.out);
  const json judged = Parsed(Planner({"measurements", "--inventory", nodes, "--what-if", what_if,
                                      "--node", "studio", "--output", "json"}));
  ExpectSchema(judged);
  ASSERT_EQ(judged["measurements"].size(), 2u);
  const json& first = judged["measurements"][0]["decode"];
  EXPECT_EQ(first["measured_tps"], 70);
  EXPECT_EQ(first["predicted_before"]["source"], "catalog-model");
  EXPECT_EQ(first["predicted_from_the_others"]["source"], "node-calibrated");
  // The other model was slower than foretold, so this one is expected to be.
  EXPECT_LT(first["predicted_from_the_others"]["mid"], first["predicted_before"]["mid"]);
  EXPECT_TRUE(judged["measurements"][1]["prefill"].is_null());
  const Ran text = Planner({"measurements", "--inventory", nodes, "--what-if", what_if});
  EXPECT_THAT(text.out, HasSubstr("llama-3.1-8b"));
  EXPECT_LE(WidestLine(text.out), 100u);
  const Ran nobody = Planner({"measurements", "--inventory", nodes, "--node", "stutio"});
  EXPECT_EQ(nobody.exit_code, 2);
  EXPECT_THAT(nobody.err, HasSubstr("did you mean \"studio\"?"));
  EXPECT_THAT(Planner({"measurements", "--inventory", nodes, "--node", "nosuch"}).err,
              HasSubstr("no node is called \"nosuch\"; the nodes are studio\n"));
  EXPECT_THAT(Planner({"measurements", "--inventory", nodes}).out,
              HasSubstr("Nothing was measured"));
}

// What `measurements import` makes of rows: exit code, entries and reasons.
struct Imported {
  Ran ran;
  std::size_t entries = 0;
};
Imported Import(const std::string& csv, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"measurements", "import", TempFile(csv, ".csv"), "--node",
                                        "studio"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  Imported out{Planner(arguments)};
  for (std::size_t at = 0; (at = out.ran.out.find("- node:", at)) != std::string::npos; ++at) {
    ++out.entries;
  }
  return out;
}

TEST(MeasurementsImport, WhatCannotBeComparedIsLeftOutWithItsReason) {
  const std::string header =
      "id,engine_family,engine_era,model_id,quant_id,kv_ctx,prompt_tokens,prompt_depth,kv_bits,"
      "gen_tokens,world,parallelism_kind,prefill_tps,prefill_unusable,decode_tps,verbatim_note,"
      "date\n";
  const std::string good = "a,llama.cpp,,qwen3-8b,q8_0,512,512,,,,1,single,900,,50,,2026-10\n";
  EXPECT_EQ(Import(header + good).entries, 1u);
  const std::pair<const char*, const char*> cases[] = {
      {"llama.cpp,,qwen3-8b,q8_0,512,512,,,,1,single,900,,50,[e2e],", "whole requests"},
      {"llama.cpp,,qwen3-8b,q8_0,512,512,,8,,1,single,900,,50,,", "its cache has 8 bits"},
      {"llama.cpp,2024,qwen3-8b,q8_0,512,512,,,,1,single,900,,50,,", "of 2024 or before"},
      {"llama.cpp,,qwen3-8b,q8_0,512,512,,,,1,single,900,,50,,2024-05", "of 2024 or before"},
      {"llama.cpp,,qwen3-8b,q8_0,512,512,,,,,tensor,900,,50,,", "several accelerators"},
      {"llama.cpp,,qwen3-8b,q8_0,512,512,,,,2,,900,,50,,", "several accelerators"},
      {"llama.cpp,,qwen3-8b,mlx-4bit,512,512,,,,1,single,900,,50,,",
       "llama.cpp does not read mlx-4bit"},
      {"vllm,,qwen3-8b,q4_k_m,512,512,,,,1,single,900,,50,,", "vllm does not read q4_k_m"},
      {"llama.cpp,,qwen3-8b,,512,512,,,,1,single,900,,50,,", "no quantization: column quant_id"},
      {"llama.cpp,,,q8_0,512,512,,,,1,single,900,,50,,", "no model: column model_id"},
      {",,qwen3-8b,q8_0,512,512,,,,1,single,900,,50,,", "no engine: column engine_family"},
      {"llama.cpp,,qwen3-8b,q8_0,512,512,4096,,,1,single,900,,,,", "4096 tokens in the cache"},
      {"llama.cpp,,qwen3-8b,q8_0,512,512,,,,1,single,900,no matrix units,,,", "no matrix units"},
      {"llama.cpp,,qwen3-8b,q8_0,512,512,,,,1,single,,,,,", "it holds no speed"},
  };
  for (const auto& [row, reason] : cases) {
    const Imported one = Import(header + "b," + row + "\n");
    EXPECT_EQ(one.ran.exit_code, 2) << row;
    EXPECT_EQ(one.ran.out, "") << row;
    EXPECT_THAT(one.ran.err, HasSubstr("b is left out: ")) << row;
    EXPECT_THAT(one.ran.err, HasSubstr(reason)) << row;
    const Imported beside = Import(header + good + "b," + row + "\n");
    EXPECT_EQ(beside.ran.exit_code, 0) << beside.ran.err;
    EXPECT_EQ(beside.entries, 1u) << beside.ran.out;
  }
}

TEST(MeasurementsImport, APromptAtADepthLeavesTheDecodeRate) {
  const Imported one = Import(
      "id,engine_family,model_id,quant_id,kv_ctx,prompt_tokens,gen_tokens,prefill_tps,decode_tps,"
      "verbatim_note\n"
      "a,llama.cpp,qwen3-8b,q8_0,4112,512,32,900,50,[tg@d]\n");
  ASSERT_EQ(one.ran.exit_code, 0) << one.ran.err;
  EXPECT_THAT(one.ran.err, HasSubstr("a (prefill) is left out: its prompt was read with 4096"));
  EXPECT_THAT(one.ran.out, HasSubstr("decode_tps: 50"));
  EXPECT_THAT(one.ran.out, HasSubstr("context: 4112"));
  EXPECT_THAT(one.ran.out, Not(HasSubstr("prefill_tps")));
}

TEST(MeasurementsImport, RowsThatNameAChipAreComparedWithTheNodes) {
  const std::string csv =
      "id,chip_id,engine_family,model_id,quant_id,decode_tps\n"
      "a,apple-m4-max-40,mlx,qwen3-8b,mlx-4bit,70\n"
      "b,gb10,llama.cpp,qwen3-8b,q8_0,30\n"
      "c,rtx-5090,llama.cpp,qwen3-8b,q8_0,130\n"
      "d,,llama.cpp,qwen3-8b,q8_0,40\n";
  const Imported unknown = Import(csv);
  EXPECT_EQ(unknown.ran.exit_code, 2);
  EXPECT_THAT(unknown.ran.err, HasSubstr(".csv:2 was measured on apple-m4-max-40"));
  const std::string nodes = TempFile(
      "schema: capacity-planner/inventory/v1\n"
      "nodes:\n"
      "  - {name: studio, machine: mac-studio-m4-max-128gb}\n");
  const Imported known = Import(csv, {"--inventory", nodes});
  ASSERT_EQ(known.ran.exit_code, 0) << known.ran.err;
  EXPECT_EQ(known.entries, 2u);
  EXPECT_THAT(known.ran.err, HasSubstr("b is left out: it was measured on gb10, and studio has "
                                       "apple-m4-max-40"));
  EXPECT_THAT(known.ran.err, HasSubstr("c is left out: it was measured on rtx-5090"));
  const Ran nobody = Planner(
      {"measurements", "import", TempFile(csv, ".csv"), "--node", "nosuch", "--inventory", nodes});
  EXPECT_EQ(nobody.exit_code, 2);
  EXPECT_THAT(nobody.err, HasSubstr("no node is called \"nosuch\"; the nodes are studio\n"));
}

TEST(MeasurementsImport, NumbersAndDatesThatMakeNoSenseAreRefusedAtTheirPlace) {
  const std::string header = "engine_family,model_id,quant_id,kv_ctx,batch,decode_tps,date\n";
  for (const auto& [row, place] : std::vector<std::pair<std::string, std::string>>{
           {"llama.cpp,qwen3-8b,q8_0,1e11,1,50,", ":2:25: column kv_ctx"},
           {"llama.cpp,qwen3-8b,q8_0,512,2.6,50,", ":2:29: column batch"},
           {"llama.cpp,qwen3-8b,q8_0,512,1,1e11,", ":2:31: column decode_tps"},
           {"llama.cpp,qwen3-8b,q8_0,512,1,50,23.11.2026", ":2:34: column date"},
           {"llama.cpp,qwen3-8b,q8_0,512,1,50,2026-13-45", ":2:34: column date"},
           {"llama.cpp,qwen3-8b,q8_0,512,1,50,9999-01-01", ":2:34: column date"}}) {
    const Imported one = Import(header + row + "\n");
    EXPECT_EQ(one.ran.exit_code, 2) << row;
    EXPECT_EQ(one.ran.out, "") << row;
    EXPECT_THAT(one.ran.err, HasSubstr(place)) << row;
  }
}

TEST(MeasurementsImport, TheSameRowTwiceCountsOnce) {
  const std::string row = ",llama.cpp,qwen3-8b,q8_0,512,50\n";
  const Imported twice = Import("id,engine_family,model_id,quant_id,kv_ctx,decode_tps\na" + row +
                                "b" + row + "c,llama.cpp,qwen3-8b,q8_0,512,51\n");
  EXPECT_EQ(twice.entries, 2u);
  EXPECT_THAT(twice.ran.err, HasSubstr("b is left out: it says the same as a"));
}

TEST(MeasurementsImport, OfTheShippedMeasurementsOnlyThoseOfTheNodesChipAreTaken) {
  const std::string nodes = TempFile(
      "schema: capacity-planner/inventory/v1\n"
      "nodes:\n"
      "  - {name: studio, machine: mac-studio-m4-max-128gb}\n");
  const Ran ran = Planner({"measurements", "import",
                           std::string(CAPACITY_SOURCE_DIR) + "/data/measurements.csv", "--node",
                           "studio", "--inventory", nodes});
  ASSERT_EQ(ran.exit_code, 0);
  const Ran judged = Planner(
      {"measurements", "--inventory", nodes, "--what-if", TempFile(ran.out), "--output", "json"});
  EXPECT_EQ(judged.exit_code, 0) << judged.err;
  EXPECT_EQ(ran.out.find("rtx"), std::string::npos);
  EXPECT_THAT(ran.err, HasSubstr("it was measured on gb10"));
}

TEST(PredictCommand, OneNodeAndTwo) {
  const json one = Parsed(Planner({"predict", "--model", "gpt-oss-120b", "--quant", "mxfp4",
                                   "--nodes", "dgx-spark", "--output", "json"}));
  ExpectSchema(one);
  EXPECT_TRUE(one["fits"].get<bool>());
  const json two = Parsed(
      Planner({"predict", "--model", "gpt-oss-120b", "--quant", "mxfp4", "--nodes",
               "mac-studio-m3-ultra-512gb:2", "--link", "thunderbolt5-rdma", "--output", "json"}));
  ExpectSchema(two);
  EXPECT_EQ(two["nodes"].size(), 2u);
}

TEST(PredictCommand, ExplainedTermsSumToTheSpeed) {
  const json predicted =
      Parsed(Planner({"predict", "--model", "llama-3.1-70b", "--quant", "q4_k_m", "--nodes",
                      "mac-studio-m4-max-128gb", "--explain", "--output", "json"}));
  ExpectSchema(predicted);
  double milliseconds = 0;
  for (const json& term : predicted["explain"]["decode"]) {
    milliseconds += term["milliseconds"].get<double>();
  }
  const double speed = predicted["decode_tps"]["mid"].get<double>();
  EXPECT_NEAR(1000 / milliseconds, speed, 0.002 * speed);
}

TEST(PredictCommand, RefusesWithWhatWouldBeRight) {
  struct Case {
    std::string model, quant, nodes;
    std::vector<std::string> more;
    const char* says;
  };
  const std::vector<Case> cases = {
      {"gpt-oss-120", "mxfp4", "dgx-spark", {}, "did you mean \"gpt-oss-120b\""},
      {"gpt-oss-120b", "mxfp5", "dgx-spark", {}, "did you mean \"mxfp4\""},
      {"gpt-oss-120b", "mxfp4", "dgx-sprak", {}, "did you mean \"dgx-spark\""},
      {"gpt-oss-120b", "mxfp4", "dgx-spark:0", {}, "not a count"},
      {"gpt-oss-120b", "mxfp4", "dgx-spark:2", {}, "--link"},
      {"gpt-oss-120b", "mxfp4", "dgx-spark:2", {"--link", "wire"}, "unknown link"},
      {"gpt-oss-120b", "mxfp4", "dgx-spark", {"--context", "-1"}, "--context"},
  };
  for (const Case& c : cases) {
    std::vector<std::string> arguments = {"predict", "--model", c.model, "--quant",
                                          c.quant,   "--nodes", c.nodes};
    arguments.insert(arguments.end(), c.more.begin(), c.more.end());
    const Ran ran = Planner(arguments);
    EXPECT_EQ(ran.exit_code, 2) << c.says;
    EXPECT_THAT(ran.out, IsEmpty()) << c.says;
    EXPECT_THAT(ran.err, HasSubstr(c.says));
  }
}

TEST(PayoffCommand, PrintsTheArticle) {
  ExpectSchema(Parsed(Planner({"payoff", "--preset", "article", "--output", "json"})));
  const Ran text = Planner({"payoff", "--preset", "article"});
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_THAT(text.out, HasSubstr("3.42"));
  EXPECT_LE(WidestLine(text.out), 100u);
}

TEST(CatalogCommand, EveryTopicHasSourceAndDate) {
  for (const char* topic :
       {"models", "machines", "chips", "quants", "prices", "links", "presets"}) {
    SCOPED_TRACE(topic);
    const json document = Parsed(Planner({"catalog", topic, "--output", "json"}));
    ExpectSchema(document);
    for (const auto& [key, entries] : document.items()) {
      if (!entries.is_array()) continue;
      EXPECT_FALSE(entries.empty()) << key;
      for (const json& entry : entries) {
        EXPECT_FALSE(entry["provenance"]["source"].get<std::string>().empty()) << entry.dump();
        EXPECT_FALSE(entry["provenance"]["as_of"].get<std::string>().empty()) << entry.dump();
      }
    }
    EXPECT_LE(WidestLine(Planner({"catalog", topic}).out), 100u);
  }
}

TEST(ValidateCommand, PredictsOrSaysWhyNotForEveryRow) {
  const std::string header = "id,chip_id,engine_family,model_id,quant_id,decode_tps\n";
  const std::string file = TempFile(header +
                                        "a,apple-m4-max-40,mlx,llama-3.1-8b,mlx-4bit,95\n"
                                        "b,apple-m9,mlx,llama-3.1-8b,mlx-4bit,95\n"
                                        "c,gb10,vllm,no-such-model,fp8,20\n",
                                    ".csv");
  const json report = Parsed(Planner({"validate", "--measurements", file, "--output", "json"}));
  ExpectSchema(report);
  ASSERT_EQ(report["rows"].size(), 3u);
  EXPECT_TRUE(report["rows"][0]["skipped"].is_null());
  EXPECT_THAT(report["rows"][1]["skipped"].get<std::string>(), HasSubstr("unknown chip"));
  EXPECT_THAT(report["rows"][2]["skipped"].get<std::string>(), HasSubstr("unknown model"));
  const Ran bad = Planner({"validate", "--measurements",
                           TempFile(header + "a,gb10,vllm,llama-3.1-8b,fp8,fast\n", ".csv")});
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_THAT(bad.out, IsEmpty());
  EXPECT_THAT(bad.err, HasSubstr(":2:"));
}

TEST(InventoryCheckCommand, ExamplesHaveNoProblems) {
  for (const std::string& inventory : Inventories()) {
    const Ran ran = Planner({"inventory", "check", inventory});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("no problems"));
  }
}

TEST(InventoryCheckCommand, EveryProblemAtOnceWithItsPlace) {
  const std::string file = TempFile(
      "schema: capacity-planner/inventory/v1\n"
      "nodes:\n"
      "  - name: a\n"
      "    machine: dgx-sprak\n"
      "  - name: b\n"
      "    machine: dgx-spark\n"
      "    count: -2\n"
      "  - name: c\n"
      "    machine: dgx-spark\n"
      "    memory: 128\n");
  const Ran ran = Planner({"inventory", "check", file});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.out, IsEmpty());
  EXPECT_THAT(ran.err, HasSubstr(file + ":4:"));
  EXPECT_THAT(ran.err, HasSubstr("did you mean \"dgx-spark\""));
  EXPECT_THAT(ran.err, HasSubstr(file + ":7:"));
  EXPECT_THAT(ran.err, HasSubstr(file + ":10:"));
  const Ran as_json = Planner({"inventory", "check", file, "--output", "json"});
  EXPECT_EQ(as_json.exit_code, 2);
  ExpectSchema(json::parse(as_json.out));
}

TEST(CommandLine, BadUseIsExitTwoWithNothingOnStdout) {
  const std::vector<std::vector<std::string>> kCases = {
      {},
      {"pla"},
      {"plan"},
      {"plan", "--budget"},
      {"plan", "--budget", "ten"},
      {"plan", "--budget", "-5"},
      {"plan", "--budget", "10000", "--inventory", "/nonexistent.yaml"},
      {"plan", "--budget", "10000", "--output", "xml"},
      {"plan", "--budget", "10000", "--explain", "0"},
      {"plan", "--budget", "10000", "--explain", "99"},
      {"plan", "--budget", "0", "--explain", "1"},
      {"catalog", "toasters"},
      {"inventory", "check", "/"},
      {"fit", "--model", "no-such-model"},
  };
  for (const auto& arguments : kCases) {
    const Ran ran = Planner(arguments);
    EXPECT_EQ(ran.exit_code, 2) << ran.out << ran.err;
    EXPECT_THAT(ran.out, IsEmpty());
    EXPECT_THAT(ran.err, Not(IsEmpty()));
  }
}

TEST(CommandLine, HelpEndsWithAnExample) {
  const std::vector<std::vector<std::string>> commands = {
      {"plan"}, {"fit"}, {"predict"}, {"payoff"}, {"catalog"}, {"inventory", "check"}};
  for (std::vector<std::string> arguments : commands) {
    arguments.push_back("--help");
    const Ran ran = Planner(arguments);
    EXPECT_EQ(ran.exit_code, 0);
    EXPECT_THAT(ran.out, HasSubstr("Example:\n  planner " + arguments[0]));
  }
}

}  // namespace
}  // namespace capacity
