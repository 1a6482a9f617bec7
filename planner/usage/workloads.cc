#include "planner/usage/workloads.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/prices/json_text.h"
#include "planner/prices/names.h"

namespace capacity::usage {
namespace {

using prices::Date;
using prices::Resolved;

constexpr int kMonthDays = 30;

// ---------------------------------------------------------------- grouping

// Which workload a model's use belongs to.
struct Member {
  std::string name;
  Resolved model;
};

class Grouper {
 public:
  Grouper(const catalog::Catalog& catalog, Grouping grouping)
      : catalog_(catalog), names_(catalog), grouping_(grouping) {}

  const Member& Of(const std::string& billed) {
    const auto it = known_.find(billed);
    if (it != known_.end()) return it->second;
    Member member;
    member.model = names_.Resolve(billed);
    member.name = member.model.known() ? member.model.id : billed;
    if (grouping_ == Grouping::kTier && !TierOf(member.model).empty()) {
      member.name = TierOf(member.model);
    }
    return known_.emplace(billed, std::move(member)).first->second;
  }

  // "" of what is no cloud model.
  std::string TierOf(const Resolved& model) const {
    if (model.kind != Resolved::Kind::kCloudModel) return "";
    return catalog_.FindCloudModel(model.id)->tier;
  }

 private:
  const catalog::Catalog& catalog_;
  prices::NameResolver names_;
  Grouping grouping_;
  std::map<std::string, Member> known_;
};

// ---------------------------------------------------------------- figures

struct Tokens {
  std::int64_t input = 0;
  std::int64_t cached = 0;
  std::int64_t output = 0;
  std::int64_t requests = 0;
  double cost_usd = 0;
  bool has_requests = false;
  bool has_cost = false;
};

// Everything of one workload.
struct Group {
  std::map<Date, Tokens> by_day;
  std::map<Date, std::set<std::string>> billed_by_day;
  std::map<Date, std::map<std::string, std::int64_t>> output_by_cloud_model;  // of each day
  std::string open_model;
};

void AddRow(const UsageRow& row, const Member& member, Group& group) {
  Tokens& day = group.by_day[row.day];
  day.input += row.input_tokens;
  day.cached += row.cached_tokens;
  day.output += row.output_tokens;
  day.requests += row.requests.value_or(0);
  day.has_requests = day.has_requests || row.requests.has_value();
  day.cost_usd += static_cast<double>(row.cost_nano_usd.value_or(0)) / 1e9;
  day.has_cost = day.has_cost || row.cost_nano_usd.has_value();
  group.billed_by_day[row.day].insert(row.model);
  if (member.model.kind == Resolved::Kind::kCloudModel) {
    group.output_by_cloud_model[row.day][member.model.id] += row.output_tokens;
  } else if (member.model.kind == Resolved::Kind::kOpenModel) {
    group.open_model = member.model.id;
  }
}

// Of one amount a day, days of no use as zero.
DailyTokens DailyOf(std::vector<std::int64_t> amounts, int days) {
  DailyTokens out;
  double sum = 0;
  for (std::int64_t amount : amounts) sum += static_cast<double>(amount);
  out.mean = sum / days;
  amounts.resize(static_cast<std::size_t>(days));  // adds zeros
  std::sort(amounts.begin(), amounts.end());
  const auto rank = static_cast<std::size_t>(std::ceil(0.9 * days));
  out.p90 = static_cast<double>(amounts[std::max<std::size_t>(rank, 1) - 1]);
  return out;
}

// Of tokens in and out per full month, counted back from the last day.
std::optional<double> GrowthOf(const Group& group, Date first, Date last) {
  const int months = static_cast<int>((last - first).count() + 1) / kMonthDays;
  if (months < 2) return std::nullopt;
  std::vector<double> totals(static_cast<std::size_t>(months), 0);
  for (const auto& [day, tokens] : group.by_day) {
    const auto back = static_cast<int>((last - day).count()) / kMonthDays;
    if (back >= months) continue;
    totals[static_cast<std::size_t>(months - 1 - back)] +=
        static_cast<double>(tokens.input) + static_cast<double>(tokens.output);
  }
  const double mean_month = (months - 1) / 2.0;
  double mean_log = 0;
  for (double total : totals) {
    if (total <= 0) return std::nullopt;
    mean_log += std::log(total) / months;
  }
  double covariance = 0;
  double variance = 0;
  for (int month = 0; month < months; ++month) {
    const double distance = month - mean_month;
    covariance += distance * (std::log(totals[static_cast<std::size_t>(month)]) - mean_log);
    variance += distance * distance;
  }
  return std::expm1(covariance / variance);
}

std::string MostUsed(const std::map<std::string, std::int64_t>& output_by_model) {
  std::string best;
  std::int64_t most = -1;
  for (const auto& [model, output] : output_by_model) {
    if (output > most) best = model;
    most = std::max(most, output);
  }
  return best;
}

// Which models the workload was, as billed and of the catalogue. Days before `since` say nothing: a
// model that is no longer used is not what a machine would replace.
void AddModelsSince(Date since, const Group& group, WorkloadUse& use) {
  std::set<std::string> billed;
  for (auto it = group.billed_by_day.lower_bound(since); it != group.billed_by_day.end(); ++it) {
    billed.insert(it->second.begin(), it->second.end());
  }
  use.billed.assign(billed.begin(), billed.end());
  std::map<std::string, std::int64_t> output;
  for (auto it = group.output_by_cloud_model.lower_bound(since);
       it != group.output_by_cloud_model.end(); ++it) {
    for (const auto& [model, tokens] : it->second) output[model] += tokens;
  }
  use.replaces = MostUsed(output);
  use.open_model = group.open_model;
}

WorkloadUse UseOf(const std::string& name, const Group& group, Date first, Date last, int days) {
  WorkloadUse use;
  use.name = name;
  const Date since = last - std::chrono::days(days - 1);
  AddModelsSince(since, group, use);
  std::vector<std::int64_t> input;
  std::vector<std::int64_t> output;
  Tokens sum;
  for (const auto& [day, tokens] : group.by_day) {
    if (day < since) continue;
    input.push_back(tokens.input);
    output.push_back(tokens.output);
    sum.input += tokens.input;
    sum.cached += tokens.cached;
    sum.output += tokens.output;
    sum.requests += tokens.requests;
    sum.cost_usd += tokens.cost_usd;
    sum.has_requests = sum.has_requests || tokens.has_requests;
    sum.has_cost = sum.has_cost || tokens.has_cost;
  }
  use.input = DailyOf(std::move(input), days);
  use.output = DailyOf(std::move(output), days);
  if (sum.input > 0) {
    use.cached_share = static_cast<double>(sum.cached) / static_cast<double>(sum.input);
  }
  if (sum.has_requests && sum.requests > 0) {
    use.input_per_request = static_cast<double>(sum.input) / static_cast<double>(sum.requests);
    use.output_per_request = static_cast<double>(sum.output) / static_cast<double>(sum.requests);
  }
  if (sum.has_cost) use.cost_usd = sum.cost_usd;
  use.growth_per_month = GrowthOf(group, first, last);
  return use;
}

// ---------------------------------------------------------------- YAML

std::string Whole(double number) {
  return absl::StrCat(static_cast<std::int64_t>(std::llround(number)));
}

// Up to three decimals: a share that a person reads.
std::string Share(double number) {
  std::string text = absl::StrCat(std::round(number * 1000) / 1000);
  return text == "-0" ? "0" : text;
}

std::string Cents(double usd) {
  char text[64];
  std::snprintf(text, sizeof text, "%.2f", usd);
  return text;
}

// A word that needs no quotes in YAML stays bare.
std::string Scalar(const std::string& text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
  const bool letter_first = plain && text[0] >= 'a' && text[0] <= 'z';
  const bool a_keyword = text == "null" || text == "true" || text == "false" || text == "yes" ||
                         text == "no" || text == "on" || text == "off" || text == "y" ||
                         text == "n";
  return letter_first && !a_keyword ? text : prices::JsonQuote(text);
}

constexpr double kMostPromptTokens = 1e8;  // that an inventory may state

// The mean request, where the bill counts requests.
void AppendRequests(const WorkloadUse& use, std::string& out) {
  if (!use.input_per_request) return;
  const double prompt = std::clamp(std::ceil(*use.input_per_request), 1.0, kMostPromptTokens);
  const double context =
      std::clamp(prompt + std::ceil(use.output_per_request.value_or(0)), 1.0, kMostPromptTokens);
  absl::StrAppend(&out, "    prompt: ", Whole(prompt), "  # mean tokens of a request\n");
  absl::StrAppend(&out, "    context: ", Whole(context), "\n");
}

void AppendGrowth(const WorkloadUse& use, std::string& out) {
  if (!use.growth_per_month) {
    absl::StrAppend(&out, "    # growth_per_month: not measurable; it takes two full months\n");
  } else if (*use.growth_per_month > -0.999 && *use.growth_per_month < 0.9995) {
    absl::StrAppend(&out, "    growth_per_month: ", Share(*use.growth_per_month), "\n");
  } else {
    absl::StrAppend(&out, "    # growth_per_month: measured as ", Share(*use.growth_per_month),
                    ", which no plan should go on with\n");
  }
}

void AppendWorkload(const WorkloadUse& use, int days, std::string& out) {
  absl::StrAppend(&out, "  # Billed as ", absl::StrJoin(use.billed, ", "), ".");
  if (use.cost_usd) {
    absl::StrAppend(&out, " It cost $", Cents(*use.cost_usd), " in these ", days, " days.");
  }
  absl::StrAppend(&out, "\n  - name: ", Scalar(use.name), "\n");
  // An inventory wants some output every day; less than one token is none.
  absl::StrAppend(&out, "    tokens_per_day: {input: ", Whole(use.input.mean),
                  ", output: ", Whole(std::max(use.output.mean, 1.0)),
                  "}  # p90: ", Whole(use.input.p90), " and ", Whole(use.output.p90), "\n");
  absl::StrAppend(&out, "    cached_input_share: ", Share(use.cached_share), "\n");
  AppendRequests(use, out);
  AppendGrowth(use, out);
  if (!use.replaces.empty()) {
    absl::StrAppend(&out, "    replaces: ", Scalar(use.replaces), "\n");
    if (!use.tier.empty()) {
      absl::StrAppend(&out, "    quality_tier: ", use.tier,
                      "  # which local models may do it; or name them: models: [...]\n");
    }
  } else if (!use.open_model.empty()) {
    absl::StrAppend(&out, "    models: [", Scalar(use.open_model), "]\n");
  } else {
    absl::StrAppend(&out, "    # The catalogue does not know this model: name what it replaces,\n",
                    "    # replaces: MODEL (planner catalog prices), or models: [...].\n");
  }
}

}  // namespace

UseSummary Summarize(const std::vector<UsageRow>& rows, const catalog::Catalog& catalog,
                     Grouping grouping) {
  UseSummary summary;
  summary.first = summary.last = rows.front().day;
  Grouper grouper(catalog, grouping);
  std::map<std::string, Group> groups;
  for (const UsageRow& row : rows) {
    summary.first = std::min(summary.first, row.day);
    summary.last = std::max(summary.last, row.day);
    const Member& member = grouper.Of(row.model);
    AddRow(row, member, groups[member.name]);
  }
  const auto span = static_cast<int>((summary.last - summary.first).count()) + 1;
  summary.days = std::min(span, kMonthDays);
  for (const auto& [name, group] : groups) {
    WorkloadUse use = UseOf(name, group, summary.first, summary.last, summary.days);
    if (!use.replaces.empty()) use.tier = catalog.FindCloudModel(use.replaces)->tier;
    if (use.output.mean > 0) {
      summary.workloads.push_back(std::move(use));
    } else {
      summary.without_output.push_back(name);
    }
  }
  std::stable_sort(
      summary.workloads.begin(), summary.workloads.end(),
      [](const WorkloadUse& a, const WorkloadUse& b) { return a.output.mean > b.output.mean; });
  return summary;
}

std::string ToYaml(const UseSummary& summary, const std::string& origin) {
  std::string shown = origin;
  std::replace_if(shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  std::string out = absl::StrCat(
      "schema: capacity-planner/inventory/v1\n"
      "# Workloads from ",
      shown, ",\n# a bill from ", prices::ToString(summary.first), " to ",
      prices::ToString(summary.last), "; daily means of its last ", summary.days, " days.\n",
      "nodes: []  # your machines\n");
  for (const std::string& model : summary.without_output) {
    absl::StrAppend(&out, "# Left out: ", model, ", which gave no output tokens in these days.\n");
  }
  absl::StrAppend(&out, summary.workloads.empty() ? "workloads: []\n" : "workloads:\n");
  for (const WorkloadUse& use : summary.workloads) AppendWorkload(use, summary.days, out);
  return out;
}

}  // namespace capacity::usage
