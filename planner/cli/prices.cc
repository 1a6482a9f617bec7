// planner prices: import, update, show, list, decline.
#include <sys/stat.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "planner/base/parse.h"
#include "planner/cli/commands.h"
#include "planner/cli/input_file.h"
#include "planner/http/fetch.h"
#include "planner/prices/decline.h"
#include "planner/prices/feed.h"
#include "planner/prices/import.h"
#include "planner/prices/json_text.h"
#include "planner/prices/validators.h"
#include "planner/report/prices.h"

namespace capacity::cli {
namespace {

using prices::Date;
using prices::Feed;

struct PriceArguments {
  std::string file;   // of import
  std::string model;  // of show
  std::string feed;
  std::string as_of;
  std::string store;
  std::string url;
  int timeout_seconds = 60;
};

Date Today() { return std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()); }

// The day a file was last changed; today for standard input.
Date FileDate(const std::string& file) {
  struct stat info{};
  if (file == "-" || stat(file.c_str(), &info) != 0) return Today();
  return std::chrono::floor<std::chrono::days>(
      std::chrono::system_clock::from_time_t(info.st_mtime));
}

// "" after printing that there is no place for a store.
std::string StoreOrPrint(const PriceArguments& arguments) {
  std::string store = arguments.store.empty() ? DefaultPriceStore() : arguments.store;
  if (store.empty()) {
    BadArgument("--store",
                "neither XDG_DATA_HOME nor HOME says where prices are kept; name a file");
  }
  return store;
}

int WorldFailed(const absl::Status& status) {
  std::cerr << "planner: " << status.message() << "\n";
  return kWorldFailed;
}

// The store's history beside the catalogue; nullopt after printing problems.
struct Loaded {
  catalog::Catalog catalog;
  prices::Known known;
  std::string store;
};
std::optional<Loaded> LoadKnownOrPrint(const Common& common, const PriceArguments& arguments) {
  std::optional<catalog::Catalog> catalog = LoadWrittenCatalogOrPrint(common);
  if (!catalog) return std::nullopt;
  const std::string store = StoreOrPrint(arguments);
  if (store.empty()) return std::nullopt;
  prices::ReadHistory read = prices::LoadHistory(store);
  if (!read.history) {
    PrintProblems(read.problems);
    return std::nullopt;
  }
  prices::Known known = prices::KnownOffers(*catalog, *read.history);
  return Loaded{*std::move(catalog), std::move(known), store};
}

// ---------------------------------------------------------------- import

// Reads `text` as a feed and stores it; the exit code when that fails.
struct ImportAttempt {
  int exit_code = kOk;
  std::optional<prices::Imported> imported;
};

ImportAttempt ImportText(const catalog::Catalog& catalog, const std::string& store,
                         const std::string& origin, std::string_view text, std::optional<Feed> feed,
                         const prices::AsOf& as_of) {
  absl::StatusOr<prices::FeedContents> contents = prices::ReadFeed(text, feed, as_of);
  if (!contents.ok()) {
    PrintProblems({prices::Located(origin, contents.status())});
    return {kBadInput, std::nullopt};
  }
  if (contents->rows.empty()) {
    PrintProblems(report::NothingKept(origin, *contents));
    return {kBadInput, std::nullopt};
  }
  absl::StatusOr<prices::ImportOutcome> outcome =
      prices::ImportInto(store, *std::move(contents), catalog);
  if (!outcome.ok()) return {WorldFailed(outcome.status()), std::nullopt};
  if (!outcome->problems.empty()) {
    PrintProblems(outcome->problems);
    return {kBadInput, std::nullopt};
  }
  return {kOk, std::move(outcome->imported)};
}

int RunImport(const Common& common, const PriceArguments& arguments) {
  std::optional<Date> stated;
  if (!arguments.as_of.empty()) {
    stated = prices::ParseDate(arguments.as_of);
    if (!stated || *stated > Today()) {
      return BadArgument("--as-of", absl::StrCat("\"", arguments.as_of,
                                                 "\" is no day from 2000-01-01 to today; write "
                                                 "for example ",
                                                 prices::ToString(Today())));
    }
  }
  const std::optional<catalog::Catalog> catalog = LoadWrittenCatalogOrPrint(common);
  if (!catalog) return kBadInput;
  const std::string store = StoreOrPrint(arguments);
  if (store.empty()) return kBadInput;
  const std::optional<std::string> text =
      ReadInputOrPrint(arguments.file, prices::JsonLimits().bytes);
  if (!text) return kBadInput;
  const ImportAttempt attempt =
      ImportText(*catalog, store, arguments.file == "-" ? "standard input" : arguments.file, *text,
                 prices::ParseFeed(arguments.feed), {stated, FileDate(arguments.file)});
  if (!attempt.imported) return attempt.exit_code;
  return Print(common.json() ? report::PriceImportJson(*attempt.imported)
                             : report::PriceImportText(*attempt.imported, common.style));
}

// ---------------------------------------------------------------- update

// What one feed's server had to say, and what was made of it.
report::PriceUpdate UpdateOne(const catalog::Catalog& catalog, const std::string& store,
                              std::optional<Feed> feed, const std::string& url,
                              const http::FetchLimits& limits, prices::KnownVersions& versions) {
  report::PriceUpdate update;
  update.url = url;
  const absl::StatusOr<http::Fetched> fetched = http::Fetch(url, versions[url], limits);
  if (!fetched.ok()) {
    update.error = std::string(fetched.status().message());
    return update;
  }
  if (fetched->not_modified) {
    update.not_modified = true;
    if (!feed) return update;
    const auto change = prices::ChangeStore(store, [&](prices::History& history) {
      update.confirmed = prices::ConfirmAll(*feed, Today(), history).extended;
    });
    if (!change.ok()) update.error = std::string(change.status().message());
    return update;
  }
  absl::StatusOr<prices::FeedContents> contents =
      prices::ReadFeed(fetched->body, feed, {std::nullopt, Today()});
  if (!contents.ok()) {
    update.error = ToString(prices::Located(url, contents.status()));
    return update;
  }
  if (contents->rows.empty()) {
    update.error = ToString(report::NothingKept(url, *contents).front());
    return update;
  }
  absl::StatusOr<prices::ImportOutcome> outcome =
      prices::ImportInto(store, *std::move(contents), catalog);
  if (!outcome.ok()) {
    update.error = std::string(outcome.status().message());
  } else if (!outcome->problems.empty()) {
    update.error = ToString(outcome->problems.front());
  } else {
    update.imported = std::move(outcome->imported);
    versions[url] = fetched->validators;
  }
  return update;
}

// Feeds of which the store holds nothing are fetched whole, whatever was fetched before.
void ForgetWhatIsNotStored(const prices::History& history, prices::KnownVersions& versions) {
  std::set<Feed> held;
  for (const prices::Record& record : history.records) held.insert(record.feed);
  for (Feed feed : prices::kFeeds) {
    if (held.count(feed) == 0) versions.erase(prices::DefaultUrl(feed));
  }
  if (held.empty()) versions.clear();
}

int RunUpdate(const Common& common, const PriceArguments& arguments) {
  const std::optional<catalog::Catalog> catalog = LoadWrittenCatalogOrPrint(common);
  if (!catalog) return kBadInput;
  const std::string store = StoreOrPrint(arguments);
  if (store.empty()) return kBadInput;
  const prices::ReadHistory read = prices::LoadHistory(store);
  if (!read.history) {
    PrintProblems(read.problems);
    return kBadInput;
  }
  prices::KnownVersions versions = prices::LoadVersions(prices::VersionsFile(store));
  ForgetWhatIsNotStored(*read.history, versions);
  http::FetchLimits limits;
  limits.total = std::chrono::seconds(arguments.timeout_seconds);
  const std::optional<Feed> only = prices::ParseFeed(arguments.feed);
  std::vector<report::PriceUpdate> updates;
  if (!arguments.url.empty()) {
    updates.push_back(UpdateOne(*catalog, store, only, arguments.url, limits, versions));
  } else {
    for (Feed feed : prices::kFeeds) {
      if (only && *only != feed) continue;
      updates.push_back(
          UpdateOne(*catalog, store, feed, prices::DefaultUrl(feed), limits, versions));
    }
  }
  bool failed = false;
  bool fetched = false;
  for (const report::PriceUpdate& update : updates) {
    failed = failed || !update.error.empty();
    fetched = fetched || update.imported.has_value();
    if (!update.error.empty()) std::cerr << "planner: " << update.error << "\n";
  }
  if (fetched) {
    const absl::Status saved = prices::SaveVersions(prices::VersionsFile(store), versions);
    if (!saved.ok()) return WorldFailed(saved);
  }
  const int printed = Print(common.json() ? report::PriceUpdateJson(updates)
                                          : report::PriceUpdateText(updates, common.style));
  return printed != kOk ? printed : failed ? kWorldFailed : kOk;
}

// ---------------------------------------------------------------- show, list, decline

// What `name` means: a catalogue id or alias, else a listing or product of some feed.
struct Wanted {
  std::string name;
  std::vector<std::size_t> offers;
};

Wanted Select(const Loaded& loaded, const std::string& name) {
  prices::Resolved model = prices::NameResolver(loaded.catalog).Resolve(name);
  if (const catalog::Model* open = loaded.catalog.FindModel(name); open != nullptr) {
    model = {prices::Resolved::Kind::kOpenModel, open->id};
  }
  Wanted wanted{model.known() ? model.id : name, {}};
  const std::string product = prices::ProductKey(name);
  for (std::size_t i = 0; i < loaded.known.offers.size(); ++i) {
    const prices::Offer& offer = loaded.known.offers[i];
    const bool matches =
        model.known() ? offer.model.id == model.id
                      : offer.listing == name || prices::ProductKey(offer.listing) == product;
    if (matches) wanted.offers.push_back(i);
  }
  std::stable_sort(wanted.offers.begin(), wanted.offers.end(), [&](std::size_t a, std::size_t b) {
    const prices::Offer& x = loaded.known.offers[a];
    const prices::Offer& y = loaded.known.offers[b];
    return std::tie(x.provider, x.first, x.listing) < std::tie(y.provider, y.first, y.listing);
  });
  return wanted;
}

int RunShow(const Common& common, const PriceArguments& arguments) {
  const std::optional<Loaded> loaded = LoadKnownOrPrint(common, arguments);
  if (!loaded) return kBadInput;
  const Wanted wanted = Select(*loaded, arguments.model);
  if (wanted.offers.empty()) {
    std::set<std::string> names;
    for (const prices::Offer& offer : loaded->known.offers) {
      names.insert(offer.model.known() ? offer.model.id : prices::ProductKey(offer.listing));
    }
    return BadArgument("MODEL",
                       absl::StrCat("no price of \"", arguments.model, "\" is known; ",
                                    DidYouMean(arguments.model, {names.begin(), names.end()})));
  }
  report::PriceHistoryView view{wanted.name, &loaded->known, wanted.offers, {}, {}};
  view.days = prices::ByDay(loaded->known, wanted.offers);
  view.decline = prices::MeasureDecline(loaded->known, wanted.offers);
  return Print(common.json() ? report::PriceHistoryJson(view)
                             : report::PriceHistoryText(view, common.style));
}

int RunList(const Common& common, const PriceArguments& arguments) {
  const std::optional<Loaded> loaded = LoadKnownOrPrint(common, arguments);
  if (!loaded) return kBadInput;
  const report::PriceListView view{loaded->store, &loaded->known};
  return Print(common.json() ? report::PriceListJson(view)
                             : report::PriceListText(view, common.style));
}

int RunDecline(const Common& common, const PriceArguments& arguments) {
  const std::optional<Loaded> loaded = LoadKnownOrPrint(common, arguments);
  if (!loaded) return kBadInput;
  report::PriceDeclineView view;
  view.models = prices::MeasureAll(loaded->catalog, loaded->known);
  view.groups = prices::GroupDeclines(view.models);
  return Print(common.json() ? report::PriceDeclineJson(view)
                             : report::PriceDeclineText(view, common.style));
}

// ---------------------------------------------------------------- command line

using Runner = int (*)(const Common&, const PriceArguments&);

CLI::App* AddSubcommand(CLI::App& group, const char* name, const char* what, const char* example,
                        Common& common, Action& action,
                        const std::shared_ptr<PriceArguments>& arguments, Runner run) {
  CLI::App* command = group.add_subcommand(name, what);
  command->footer(absl::StrCat("Example:\n  planner prices ", example));
  command
      ->add_option("--store", arguments->store,
                   "Price history (default: $XDG_DATA_HOME/capacity-planner/prices.jsonl)")
      ->type_name("FILE");
  AddCatalogOptions(*command, common);
  command->callback([arguments, run, &common, &action] {
    action = [arguments, run, &common] { return run(common, *arguments); };
  });
  return command;
}

void AddFeedOption(CLI::App& command, const std::shared_ptr<PriceArguments>& arguments) {
  std::vector<std::string> names;
  for (Feed feed : prices::kFeeds) names.push_back(prices::Name(feed));
  command.add_option("--feed", arguments->feed, "litellm, openrouter, models.dev or llm-prices")
      ->check(CLI::IsMember(names))
      ->type_name("FEED");
}

}  // namespace

void AddPrices(CLI::App& app, Common& common, Action& action) {
  CLI::App* group = app.add_subcommand("prices", "Token prices: import feeds, show their history");
  group->require_subcommand(1);
  auto arguments = std::make_shared<PriceArguments>();

  CLI::App* import = AddSubcommand(*group, "import", "Read a price feed into your price history",
                                   "import model_prices_and_context_window.json --as-of 2026-07-24",
                                   common, action, arguments, &RunImport);
  import->add_option("file", arguments->file, "A feed as JSON; - is standard input")
      ->required()
      ->type_name("FILE");
  AddFeedOption(*import, arguments);
  import
      ->add_option("--as-of", arguments->as_of,
                   "Day the prices are of (default: what the feed says, else the file's date)")
      ->type_name("DATE");

  CLI::App* update =
      AddSubcommand(*group, "update", "Fetch the price feeds and import them",
                    "update --feed openrouter", common, action, arguments, &RunUpdate);
  AddFeedOption(*update, arguments);
  update->add_option("--url", arguments->url, "Fetch this instead")->type_name("URL");
  update->add_option("--timeout", arguments->timeout_seconds, "Seconds to wait for a feed")
      ->check(CLI::Range(1, 3600))
      ->type_name("SECONDS");

  CLI::App* show = AddSubcommand(*group, "show", "Every known price of a model over time",
                                 "show gpt-oss-120b", common, action, arguments, &RunShow);
  show->add_option("model", arguments->model, "A model of the catalogue, or a feed's listing")
      ->required()
      ->type_name("MODEL");

  AddSubcommand(*group, "list", "What your price history holds", "list", common, action, arguments,
                &RunList);
  AddSubcommand(*group, "decline", "How fast prices fell, measured from your imports", "decline",
                common, action, arguments, &RunDecline);
}

}  // namespace capacity::cli
