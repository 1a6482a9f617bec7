#include "planner/inventory/preset_yaml.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "planner/inventory/document.h"
#include "planner/inventory/fields.h"

namespace capacity::inventory {
namespace {

using economics::ArticlePreset;
using economics::ArticleRow;
using economics::ArticleSetup;

constexpr Range kTokensPerSecond = Above(0, 1e6);
constexpr Range kUsdPerMtok = Between(0, 1e5);
constexpr Range kShare = Between(0, 1);

struct CloudPrice {
  UsdPerMtok input;
  UsdPerMtok output;
};
using CloudPrices = std::map<std::string, CloudPrice>;

CloudPrices ReadCloudPrices(Fields& preset, Problems& problems) {
  CloudPrices prices;
  for (const Value* entry : preset.List("cloud_prices")) {
    Fields fields(*entry, "cloud price", problems);
    fields.Require({"id", "input", "output"});
    const std::optional<std::string> id = fields.Text("id");
    const CloudPrice price{{fields.Number("input", kUsdPerMtok).value_or(0)},
                           {fields.Number("output", kUsdPerMtok).value_or(0)}};
    fields.ReportUnknown();
    if (id && !prices.emplace(*id, price).second) {
      problems.Add(*entry, absl::StrCat("cloud price \"", *id, "\" is stated twice"));
    }
  }
  return prices;
}

ArticleRow ReadRow(const Value& value, const CloudPrices& prices, Problems& problems) {
  Fields fields(value, "model", problems);
  fields.Require({"model", "decode_tps", "cloud_model"});
  ArticleRow row;
  row.model = fields.Text("model").value_or("");
  row.decode = {fields.Number("decode_tps", kTokensPerSecond).value_or(0)};
  if (const std::optional<Word> cloud = fields.Reference("cloud_model")) {
    const auto price = prices.find(cloud->text);
    if (price == prices.end()) {
      std::vector<std::string> known;
      for (const auto& [id, unused] : prices) known.push_back(id);
      problems.AddUnknown(*cloud->at, "cloud price", cloud->text, known);
    } else {
      row.cloud_model = cloud->text;
      row.input = price->second.input;
      row.output = price->second.output;
    }
  }
  fields.ReportUnknown();
  return row;
}

ArticleSetup ReadSetup(const Value& value, const CloudPrices& prices, Problems& problems) {
  Fields fields(value, "setup", problems);
  fields.Require({"id", "machine", "price_usd", "models"});
  ArticleSetup setup;
  setup.id = fields.Text("id").value_or("");
  setup.machine = fields.Text("machine").value_or("");
  setup.name = fields.Text("name").value_or(setup.machine);
  setup.price = fields.Dollars("price_usd").value_or(Usd{0});
  for (const Value* row : fields.List("models")) {
    setup.rows.push_back(ReadRow(*row, prices, problems));
  }
  fields.ReportUnknown();
  return setup;
}

std::vector<double> ReadShares(Fields& fields, std::string_view key, Problems& problems) {
  std::vector<double> shares;
  for (const Value* item : fields.List(key)) {
    // Fields reads maps; a list of plain numbers is read through a number's own text.
    double share = 0;
    if (!item->is_scalar() || !absl::SimpleAtod(item->text, &share) || !(share >= kShare.low) ||
        !(share <= kShare.high)) {
      problems.Add(*item, absl::StrCat(Describe(*item), " is no share from 0 to 1"));
      continue;
    }
    shares.push_back(share);
  }
  return shares;
}

void ReadRiskCase(const Value& value, ArticlePreset& preset, Problems& problems) {
  Fields fields(value, "risk case", problems);
  fields.Require({"setup", "model"});
  const std::optional<std::string> setup = fields.Text("setup");
  const std::optional<std::string> model = fields.Text("model");
  fields.ReportUnknown();
  if (!setup || !model) return;
  for (std::size_t s = 0; s < preset.setups.size(); ++s) {
    if (preset.setups[s].id != *setup) continue;
    for (std::size_t r = 0; r < preset.setups[s].rows.size(); ++r) {
      if (preset.setups[s].rows[r].model != *model) continue;
      preset.risk_cases.push_back({.setup = static_cast<int>(s), .row = static_cast<int>(r)});
      return;
    }
  }
  problems.Add(value, absl::StrCat("no setup ", *setup, " runs ", *model));
}

}  // namespace

Loaded<ArticlePreset> LoadArticlePreset(const std::string& file) {
  Loaded<ArticlePreset> loaded;
  ParsedDocument parsed = ReadDocument(file, {});
  if (!parsed.document) {
    loaded.problems = std::move(parsed.problems);
    return loaded;
  }
  Problems problems;
  Fields fields(parsed.document->root(), "preset", problems);
  fields.Require({"name", "source", "as_of", "output_share", "cloud_prices", "setups"});
  ArticlePreset preset;
  preset.name = fields.Text("name").value_or("");
  preset.provenance = {fields.Text("source").value_or(""), fields.Text("as_of").value_or("")};
  preset.output_share = fields.Number("output_share", kShare).value_or(0);
  const CloudPrices prices = ReadCloudPrices(fields, problems);
  for (const Value* setup : fields.List("setups")) {
    preset.setups.push_back(ReadSetup(*setup, prices, problems));
  }
  if (const Value* risk = fields.Find("risk")) {
    Fields grid(*risk, "risk", problems);
    grid.Require({"utilizations", "annual_declines", "cases"});
    preset.utilizations = ReadShares(grid, "utilizations", problems);
    preset.annual_declines = ReadShares(grid, "annual_declines", problems);
    for (const Value* value : grid.List("cases")) ReadRiskCase(*value, preset, problems);
    grid.ReportUnknown();
  }
  fields.ReportUnknown();
  if (problems.empty()) {
    loaded.value = std::move(preset);
  } else {
    loaded.problems = problems.Take();
  }
  return loaded;
}

}  // namespace capacity::inventory
