// LoadCatalog: the files of a directory, then the user's own.
#include <algorithm>
#include <deque>
#include <filesystem>
#include <future>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/inventory/catalog_yaml.h"
#include "planner/inventory/inventory.h"

namespace capacity::inventory {
namespace {

constexpr DocumentLimits kCatalogLimits = {.bytes = 16 << 20};

// The `*.yaml` files of `directory` in name order.
std::vector<std::string> CatalogFiles(const std::string& directory, Problems& problems) {
  std::vector<std::string> files;
  std::error_code error;
  std::filesystem::directory_iterator entries(directory, error);
  if (error) {
    problems.Add({directory, 0, 0,
                  absl::StrCat("the catalogue directory cannot be read: ", error.message()), ""});
    return files;
  }
  for (const std::filesystem::directory_entry& entry : entries) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    problems.Add({directory, 0, 0, "the catalogue directory holds no .yaml file", ""});
  }
  return files;
}

}  // namespace

Loaded<catalog::Catalog> LoadCatalog(const std::string& directory,
                                     const std::vector<std::string>& extra_files) {
  Problems problems;
  std::vector<std::string> files = CatalogFiles(directory, problems);
  files.insert(files.end(), extra_files.begin(), extra_files.end());

  // Parsing is nearly all of the work and every file is independent of the others.
  std::vector<std::future<ParsedDocument>> parsing;
  for (const std::string& file : files) {
    parsing.push_back(std::async(std::launch::async | std::launch::deferred,
                                 [&file] { return ReadDocument(file, kCatalogLimits); }));
  }
  std::deque<Document> documents;
  for (std::future<ParsedDocument>& future : parsing) {
    ParsedDocument parsed = future.get();
    problems.Append(parsed.problems);
    if (parsed.document) documents.push_back(std::move(*parsed.document));
  }
  if (!problems.empty()) return {std::nullopt, problems.Take()};  // references would dangle
  CatalogReader reader(problems);
  for (const Document& document : documents) reader.Read(document);
  catalog::Catalog catalog = reader.Finish();
  if (!problems.empty()) return {std::nullopt, problems.Take()};
  return {std::move(catalog), {}};
}

}  // namespace capacity::inventory
