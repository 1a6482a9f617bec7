#include "planner/base/descriptor.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace capacity {
namespace {

namespace fs = std::filesystem;

fs::path Fresh(const std::string& name) {
  const fs::path path = fs::path(testing::TempDir()) / name;
  fs::remove_all(path);
  return path;
}

TEST(ReadRegularFile, TellsApartWhatItCannotGive) {
  const fs::path file = Fresh("regular");
  std::ofstream(file) << "four";
  EXPECT_EQ(*ReadRegularFile(file.string(), 4), "four");
  EXPECT_EQ(ReadRegularFile(file.string(), 3).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReadRegularFile(file.string() + "-not", 4).status().code(),
            absl::StatusCode::kNotFound);
  const fs::path directory = Fresh("directory");
  fs::create_directory(directory);
  EXPECT_EQ(ReadRegularFile(directory.string(), 4).status().code(), absl::StatusCode::kDataLoss);
  // A pipe that nobody writes to keeps nobody waiting.
  const fs::path pipe = Fresh("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(ReadRegularFile(pipe.string(), 4).status().code(), absl::StatusCode::kDataLoss);
  const fs::path link = Fresh("link");
  fs::create_symlink(file, link);
  EXPECT_EQ(ReadRegularFile(link.string(), 4).status().code(), absl::StatusCode::kUnavailable);
}

TEST(Descriptor, IsClosedOnceByItsLastOwner) {
  int number = -1;
  {
    Descriptor first(open("/dev/null", O_RDONLY));
    ASSERT_TRUE(first.open());
    number = first.number();
    const Descriptor second(std::move(first));
    EXPECT_FALSE(first.open());  // NOLINT: that is what is tested
    EXPECT_EQ(second.number(), number);
    EXPECT_EQ(fcntl(number, F_GETFD), 0);
  }
  EXPECT_EQ(fcntl(number, F_GETFD), -1);
}

}  // namespace
}  // namespace capacity
