#include "planner/cli/measurement_file.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "planner/base/calendar.h"
#include "planner/base/csv.h"
#include "planner/cli/common.h"

namespace capacity::cli {
namespace {

// A file beyond what ReadCsv accepts is not read into memory first.
std::optional<std::string> ReadOrPrint(const std::string& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) {
    PrintProblems({{file, 0, 0, absl::StrCat("cannot be read: ", error.message()), ""}});
    return std::nullopt;
  }
  if (size > kMaxCsvBytes) {
    PrintProblems({{file, 0, 0, absl::StrCat("file of ", size >> 20, " MiB is too large"),
                    absl::StrCat("at most ", kMaxCsvBytes >> 20, " MiB")}});
    return std::nullopt;
  }
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in || text.bad()) {
    PrintProblems({{file, 0, 0, absl::StrCat("cannot be read: ", std::strerror(errno)), ""}});
    return std::nullopt;
  }
  return text.str();
}

}  // namespace

std::optional<std::vector<validation::Measurement>> LoadMeasurementsOrPrint(
    const std::string& file) {
  const std::optional<std::string> text = ReadOrPrint(file);
  if (!text) return std::nullopt;
  // Whoever measures may be a day ahead of universal time.
  using std::chrono::milliseconds;
  const auto tomorrow = std::chrono::system_clock::now() + std::chrono::hours(24);
  const std::string latest =
      CalendarDay(std::chrono::duration_cast<milliseconds>(tomorrow.time_since_epoch()).count());
  validation::MeasurementFile read = validation::ReadMeasurements(file, *text, latest);
  if (!read.problems.empty()) {
    PrintProblems(read.problems);
    return std::nullopt;
  }
  return std::move(read.rows);
}

}  // namespace capacity::cli
