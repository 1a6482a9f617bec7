#include "planner/cli/input_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "planner/cli/common.h"

namespace capacity::cli {
namespace {

struct Closer {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

}  // namespace

std::optional<std::string> ReadInputOrPrint(const std::string& file, std::size_t limit) {
  const auto fail = [&](const std::string& why, const std::string& remedy = "") {
    PrintProblems({{file == "-" ? "standard input" : file, 0, 0, why, remedy}});
    return std::nullopt;
  };
  std::error_code error;
  if (file != "-" && std::filesystem::is_directory(file, error)) return fail("is a directory");
  const std::unique_ptr<std::FILE, Closer> in(file == "-" ? stdin : std::fopen(file.c_str(), "rb"));
  if (in == nullptr) return fail(absl::StrCat("cannot be read: ", std::strerror(errno)));
  std::string text;
  char buffer[1 << 16];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, in.get())) {
    text.append(buffer, got);
    if (text.size() > limit) {
      return fail("is too large", absl::StrCat("at most ", limit >> 20, " MiB are read"));
    }
  }
  if (std::ferror(in.get()) != 0) return fail("cannot be read to its end");
  return text;
}

}  // namespace capacity::cli
