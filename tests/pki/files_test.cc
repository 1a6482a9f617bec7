#include "planner/pki/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

namespace capacity::pki {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class FilesTest : public ::testing::Test {
 protected:
  FilesTest() {
    std::string name = ::testing::TempDir() + "capacity-pki-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~FilesTest() override { fs::remove_all(directory_); }

  unsigned Mode(const std::string& path) {
    struct stat status{};
    EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 0777;
  }

  std::size_t Entries(const std::string& path) {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(path), fs::directory_iterator()));
  }

  std::string directory_;
};

TEST_F(FilesTest, ANewFileIsPrivateInAPrivateDirectory) {
  const std::string path = directory_ + "/a/b/ca.key";
  ASSERT_TRUE(WriteNewFile(path, "secret").ok());
  EXPECT_EQ(Mode(path), 0600u);
  EXPECT_EQ(Mode(directory_ + "/a/b"), 0700u);
  EXPECT_EQ(*ReadSecretFile(path), "secret");
  EXPECT_EQ(Entries(directory_ + "/a/b"), 1u);
}

TEST_F(FilesTest, AnExistingFileIsNeverOverwritten) {
  const std::string path = directory_ + "/ca.key";
  ASSERT_TRUE(WriteNewFile(path, "first").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(WriteNewFile(path, "second")));
  EXPECT_EQ(*ReadFile(path), "first");
  EXPECT_EQ(Entries(directory_), 1u);
}

TEST_F(FilesTest, ReplacingIsWhole) {
  const std::string path = directory_ + "/node.pem";
  ASSERT_TRUE(ReplaceFile(path, "first").ok());
  ASSERT_TRUE(ReplaceFile(path, "second").ok());
  EXPECT_EQ(*ReadFile(path), "second");
  EXPECT_EQ(Mode(path), 0600u);
  EXPECT_EQ(Entries(directory_), 1u);
}

TEST_F(FilesTest, AKeyThatOthersMayReadIsRefused) {
  const std::string path = directory_ + "/node.key";
  ASSERT_TRUE(WriteNewFile(path, "secret").ok());
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  const auto text = ReadSecretFile(path);
  EXPECT_TRUE(absl::IsPermissionDenied(text.status()));
  EXPECT_THAT(std::string(text.status().message()), HasSubstr("chmod 600"));
  EXPECT_TRUE(ReadFile(path).ok());
}

TEST_F(FilesTest, MissingAndTooLargeFilesAreToldApart) {
  EXPECT_TRUE(absl::IsNotFound(ReadFile(directory_ + "/none").status()));
  const std::string path = directory_ + "/large";
  ASSERT_TRUE(WriteNewFile(path, std::string(kMaxSecretFileBytes + 1, 'x')).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(ReadFile(path).status()));
}

}  // namespace
}  // namespace capacity::pki
