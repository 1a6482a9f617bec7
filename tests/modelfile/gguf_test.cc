#include "planner/modelfile/gguf.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/modelfile/imagined.h"

namespace capacity::modelfile {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::uint64_t kExbibyte = std::uint64_t{1} << 60;

std::string Failure(ImaginedSource source) {
  const auto header = ReadGgufHeader(source);
  return header.ok() ? "accepted" : std::string(header.status().message());
}
std::string Failure(const std::string& bytes) {
  return Failure(ImaginedSource("x.gguf", bytes, bytes.size()));
}

GgufWriter Plain() {
  return GgufWriter("llama")
      .Count("*.block_count", 1)
      .Array("*.list", {1, -2, 3})
      .Tensor("token_embd.weight", {256, 8}, kQ4_K)
      .Tensor("blk.0.attn_norm.weight", {256}, kF32)
      .Tensor("output.weight", {256, 8}, kQ6_K);
}

TEST(Gguf, HeaderGivesMetadataAndTensorsWithTheirExactBytes) {
  for (const std::uint32_t version : {2u, 3u}) {
    ImaginedSource source("x.gguf", Plain().Header(version), Plain().size());
    const auto header = ReadGgufHeader(source);
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->version, static_cast<int>(version));
    EXPECT_EQ(header->Text("general.architecture"), "llama");
    EXPECT_EQ(header->Integer("llama.block_count"), 1);
    EXPECT_EQ(header->Numbers("llama.list"), (std::vector<double>{1, -2, 3}));
    ASSERT_EQ(header->tensors.size(), 3u);
    EXPECT_EQ(header->tensors[0].type->name, "Q4_K");
    EXPECT_EQ(header->tensors[0].parameters, 2048u);
    EXPECT_EQ(header->tensors[0].bytes, 8u * 144);
    EXPECT_EQ(header->tensors[1].bytes, 1024u);
    EXPECT_EQ(header->tensors[2].offset, header->data_offset + 1152 + 1024);
    EXPECT_EQ(header->tensors[2].bytes, 8u * 210);
  }
}

TEST(Gguf, ScalarsOfEveryKindAreRead) {
  GgufWriter writer("llama");
  writer.Entry("u8", 0, Raw<std::uint8_t>(200))
      .Entry("i8", 1, Raw<std::int8_t>(-5))
      .Entry("u16", 2, Raw<std::uint16_t>(60'000))
      .Entry("i16", 3, Raw<std::int16_t>(-6))
      .Entry("i32", 5, Raw<std::int32_t>(-7))
      .Entry("f32", 6, Raw(0.5f))
      .Entry("yes", 7, Raw<std::uint8_t>(1))
      .Entry("u64", 10, Raw<std::uint64_t>(1) + "")
      .Entry("big", 10, Raw(~std::uint64_t{0}))
      .Entry("i64", 11, Raw<std::int64_t>(-8))
      .Entry("f64", 12, Raw(2.5));
  ImaginedSource source = writer.Source();
  const auto header = ReadGgufHeader(source);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->Integer("u8"), 200);
  EXPECT_EQ(header->Integer("i8"), -5);
  EXPECT_EQ(header->Integer("u16"), 60'000);
  EXPECT_EQ(header->Integer("i16"), -6);
  EXPECT_EQ(header->Integer("i32"), -7);
  EXPECT_EQ(header->Number("f32"), 0.5);
  EXPECT_EQ(header->Flag("yes"), true);
  EXPECT_EQ(header->Integer("big"), std::nullopt) << "no signed 64-bit number holds it";
  EXPECT_EQ(header->Integer("i64"), -8);
  EXPECT_EQ(header->Number("f64"), 2.5);
  EXPECT_EQ(header->Integer("general.architecture"), std::nullopt);
  EXPECT_EQ(header->Text("u8"), "");
}

TEST(Gguf, VocabulariesAreSkippedNotKept) {
  GgufWriter writer("llama");
  std::string words = Raw<std::uint32_t>(8) + Raw<std::uint64_t>(50'000);
  for (int i = 0; i < 50'000; ++i) words += GgufWriter::String("word" + std::to_string(i));
  std::string scores = Raw<std::uint32_t>(6) + Raw<std::uint64_t>(50'000);
  scores.resize(scores.size() + 200'000);
  writer.Entry("tokenizer.ggml.tokens", 9, words).Entry("tokenizer.ggml.scores", 9, scores);
  writer.Text("tokenizer.chat_template", std::string(100'000, 'x'));
  ImaginedSource source = writer.Source();
  const auto header = ReadGgufHeader(source);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->Length("tokenizer.ggml.tokens"), 50'000u);
  EXPECT_EQ(header->Length("tokenizer.ggml.scores"), 50'000u);
  EXPECT_EQ(header->Text("tokenizer.chat_template"), "");
}

// ---------------------------------------------------------------- what is no GGUF

TEST(Gguf, WhatIsNoGgufIsNamed) {
  EXPECT_THAT(Failure(std::string()), HasSubstr("x.gguf: byte 0: the file is empty"));
  EXPECT_THAT(Failure(std::string("GG")),
              HasSubstr("byte 0: 4 bytes are announced and 2 are left"));
  EXPECT_THAT(Failure(std::string("{\"a\": 1}")), HasSubstr("byte 0: not a GGUF"));
  EXPECT_THAT(Failure("FUGG" + std::string(20, '\0')), HasSubstr("bytes are reversed"));
  EXPECT_THAT(Failure(Plain().Header(1)), HasSubstr("byte 4: GGUF version 1"));
  EXPECT_THAT(Failure(Plain().Header(0x03000000)), HasSubstr("byte 4: a big-endian GGUF"));
  EXPECT_THAT(Failure(Plain().Header(4)), HasSubstr("byte 4: GGUF version 4; 2 and 3 are known"));
}

TEST(Gguf, EveryTruncationOfTheHeaderIsRefused) {
  const std::string whole = Plain().Header();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_THAT(Failure(whole.substr(0, length)), StartsWith("x.gguf: byte ")) << length;
  }
}

TEST(Gguf, TruncatedDataAreNamedWithOffsets) {
  const std::string message =
      Failure(ImaginedSource("x.gguf", Plain().Header(), Plain().size() - 1'000));
  EXPECT_THAT(message, AllOf(HasSubstr("tensor \"output.weight\" takes 1680 bytes from byte"),
                             HasSubstr("the file ends at"), HasSubstr("truncated download")));
}

// ---------------------------------------------------------------- absurd claims

std::string Start(std::uint64_t tensors, std::uint64_t entries) {
  return "GGUF" + Raw<std::uint32_t>(3) + Raw(tensors) + Raw(entries);
}

TEST(Gguf, AbsurdCountsAreRefusedBeforeMemoryIsGivenToThem) {
  // The file claims an exbibyte, so that only the limits can stop the reader.
  const std::uint64_t most = ~std::uint64_t{0};
  const std::string key = GgufWriter::String("k");
  const std::string cases[] = {
      Start(most, 0),
      Start(0, most),
      Start(0, 1) + Raw(most),                                                  // key
      Start(0, 1) + Raw(std::uint64_t{1} << 63),                                // key
      Start(0, 1) + key + Raw<std::uint32_t>(8) + Raw(most),                    // text
      Start(0, 1) + key + Raw<std::uint32_t>(8) + Raw(std::uint64_t{1} << 40),  // text
      Start(0, 1) + key + Raw<std::uint32_t>(9) + Raw<std::uint32_t>(8) + Raw(most),
      Start(0, 1) + key + Raw<std::uint32_t>(9) + Raw<std::uint32_t>(12) + Raw(most),
      Start(0, 1) + key + Raw<std::uint32_t>(9) + Raw<std::uint32_t>(9) + Raw<std::uint64_t>(1),
      Start(0, 1) + key + Raw<std::uint32_t>(13),
      Start(1, 0) + Raw(most),  // name
      Start(1, 0) + GgufWriter::String("t") + Raw<std::uint32_t>(5),
      Start(1, 0) + GgufWriter::String("t") + Raw<std::uint32_t>(1) + Raw(most),
      Start(1, 0) + GgufWriter::String("t") + Raw<std::uint32_t>(2) + Raw(std::uint64_t{1} << 40) +
          Raw(std::uint64_t{1} << 40),
      Start(1, 0) + GgufWriter::String("t") + Raw<std::uint32_t>(1) + Raw(std::uint64_t{1} << 62) +
          Raw<std::uint32_t>(28) + Raw<std::uint64_t>(0),
  };
  for (const std::string& bytes : cases) {
    ImaginedSource source("x.gguf", bytes, kExbibyte);
    const auto header = ReadGgufHeader(source);
    ASSERT_FALSE(header.ok());
    EXPECT_THAT(std::string(header.status().message()), StartsWith("x.gguf: byte "));
    EXPECT_LE(source.bytes_read, 64u << 10) << header.status();
    EXPECT_LE(source.largest_read, 64u << 10);
  }
}

TEST(Gguf, SparseHeaderOfEmptyStringsIsReadUpToTheLimitOnly) {
  // 2^24 empty strings fit the item limit 8 times over; the third such array ends it.
  std::string bytes = Start(0, 1'000);
  GgufLimits limits;
  limits.header_bytes = 1 << 20;
  bytes += GgufWriter::String("a") + Raw<std::uint32_t>(9) + Raw<std::uint32_t>(8) +
           Raw<std::uint64_t>(limits.array_items);
  ImaginedSource source("x.gguf", bytes, kExbibyte);
  const auto header = ReadGgufHeader(source, limits);
  ASSERT_FALSE(header.ok());
  EXPECT_THAT(std::string(header.status().message()),
              HasSubstr("the header is longer than 1048576"));
  EXPECT_LE(source.bytes_read, (1u << 20) + (64u << 10));
}

TEST(Gguf, ShapesThatOverflowAreRefused) {
  GgufWriter writer("llama");
  writer.Tensor("t", {std::uint64_t{1} << 32, std::uint64_t{1} << 32, 2, 1}, kF32);
  EXPECT_THAT(Failure(ImaginedSource("x.gguf", writer.Header(), kExbibyte)),
              HasSubstr("tensor \"t\" has more numbers than 63 bits can count"));
}

// ---------------------------------------------------------------- directory

TEST(Gguf, UnknownTypesAreNamedWithTheirNumber) {
  GgufWriter writer("llama");
  writer.Tensor("t", {256}, 31);
  EXPECT_THAT(Failure(writer.Source()), HasSubstr("tensor \"t\" is of ggml type 31"));
}

TEST(Gguf, RowsMustFillBlocks) {
  GgufWriter writer("llama");
  writer.Tensor("t", {100, 256}, kQ4_K);
  EXPECT_THAT(Failure(writer.Source()),
              HasSubstr("tensor \"t\" has rows of 100 numbers; Q4_K packs 256 together"));
}

TEST(Gguf, WhatStandsTwiceIsRefused) {
  GgufWriter keys("llama");
  keys.Count("a", 1).Count("a", 2);
  EXPECT_THAT(Failure(keys.Source()), HasSubstr("metadata key \"a\" for the second time"));
  GgufWriter tensors("llama");
  tensors.Tensor("t", {32}, kF32).Tensor("t", {32}, kF32);
  EXPECT_THAT(Failure(tensors.Source()), HasSubstr("tensor \"t\" for the second time"));
}

TEST(Gguf, OverlappingTensorsAreRefused) {
  const std::string tensor = Raw<std::uint32_t>(1) + Raw<std::uint64_t>(32) + Raw<std::uint32_t>(0);
  std::string bytes = Start(2, 0) + GgufWriter::String("a") + tensor + Raw<std::uint64_t>(0) +
                      GgufWriter::String("b") + tensor + Raw<std::uint64_t>(0);
  bytes.resize(4'096);
  EXPECT_THAT(Failure(bytes),
              HasSubstr("tensor \"b\" starts at 0 of the data; 128 would be right"));
}

TEST(Gguf, AlignmentMustBeAPowerOfTwo) {
  for (const std::uint32_t alignment : {0u, 3u, 48u, 1u << 21}) {
    GgufWriter writer("llama");
    writer.Count("general.alignment", alignment);
    EXPECT_THAT(Failure(writer.Source()), HasSubstr("general.alignment")) << alignment;
  }
}

TEST(Gguf, NamesThatAreNoTextAreShownWithoutHarm) {
  GgufWriter writer("llama");
  writer.Tensor("\x1b[31m\xff\"\n", {32}, 99);
  const std::string message = Failure(writer.Source());
  EXPECT_THAT(message, HasSubstr("tensor \"?[31m???\" is of ggml type 99"));
}

// ---------------------------------------------------------------- files

class Files : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const {
    return ::testing::TempDir() + "gguf_test_" + std::to_string(getpid()) + "_" + name;
  }
  static std::string Opening(const std::string& path) {
    const auto source = OpenFile(path);
    return source.ok() ? "opened" : std::string(source.status().message());
  }
};

TEST_F(Files, SparseFileOfATerabyteCostsNothing) {
  const std::string path = Path("sparse.gguf");
  std::ofstream(path) << Plain().Header();
  ASSERT_EQ(truncate(path.c_str(), off_t{1} << 40), 0);
  const auto source = OpenFile(path);
  ASSERT_TRUE(source.ok());
  EXPECT_TRUE(ReadGgufHeader(**source).ok());
  unlink(path.c_str());
}

TEST_F(Files, PipesDirectoriesAndDevicesAreRefusedWithoutWaiting) {
  const std::string pipe = Path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(Opening(pipe), HasSubstr("is no regular file"));
  unlink(pipe.c_str());
  EXPECT_THAT(Opening("/dev/zero"), HasSubstr("is no regular file"));
  EXPECT_THAT(Opening("/tmp"), HasSubstr("is a directory"));
  EXPECT_THAT(Opening("/no/such/file"), HasSubstr("/no/such/file: No such file"));
}

TEST_F(Files, LinksAreFollowedAndLoopsEnd) {
  const std::string target = Path("target");
  const std::string link = Path("link");
  std::ofstream(target) << Plain().Header();
  ASSERT_EQ(symlink(target.c_str(), link.c_str()), 0);
  EXPECT_EQ(Opening(link), "opened");
  unlink(link.c_str());
  unlink(target.c_str());
  ASSERT_EQ(symlink(link.c_str(), link.c_str()), 0);
  EXPECT_THAT(Opening(link), HasSubstr(link));
  unlink(link.c_str());
}

}  // namespace
}  // namespace capacity::modelfile
