// Whatever bytes a file of measurements holds, reading them ends with rows or with problems.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "planner/validation/measurements.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const capacity::validation::MeasurementFile file =
      capacity::validation::ReadMeasurements("fuzz.csv", text);
  for (const capacity::Diagnostic& problem : file.problems) {
    if (problem.problem.empty()) std::abort();
  }
  return 0;
}
