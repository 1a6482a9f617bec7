#include "planner/modelfile/safetensors.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/modelfile/imagined.h"

namespace capacity::modelfile {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::uint64_t kExbibyte = std::uint64_t{1} << 60;

std::string WithLength(const std::string& json) { return Raw<std::uint64_t>(json.size()) + json; }

std::string Failure(const std::string& bytes, std::uint64_t size) {
  ImaginedSource source("x.safetensors", bytes, size);
  const auto header = ReadSafetensorsHeader(source);
  return header.ok() ? "accepted" : std::string(header.status().message());
}
// Of a header with as many data as anyone could ask for.
std::string Failure(const std::string& json) { return Failure(WithLength(json), kExbibyte); }

TEST(Safetensors, HeaderGivesTensorsWithTheirExactBytes) {
  SafetensorsWriter writer;
  writer.Tensor("a", "BF16", {3, 5}).Tensor("b", "F4", {4}).Tensor("scalar", "F32", {});
  ImaginedSource source("x.safetensors", writer.Header(), writer.size());
  const auto header = ReadSafetensorsHeader(source);
  ASSERT_TRUE(header.ok()) << header.status();
  ASSERT_EQ(header->tensors.size(), 3u);
  EXPECT_EQ(header->tensors[0].numbers, 15u);
  EXPECT_EQ(header->tensors[0].bytes, 30u);
  EXPECT_EQ(header->tensors[1].bytes, 2u);
  EXPECT_EQ(header->tensors[2].numbers, 1u);
}

TEST(Safetensors, WritersNameIsKept) {
  const std::string bytes = WithLength("{\"__metadata__\": {\"format\": \"mlx\"}}");
  ImaginedSource source("x.safetensors", bytes, bytes.size());
  const auto header = ReadSafetensorsHeader(source);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->format, "mlx");
}

TEST(Safetensors, WhatIsNoSafetensorsIsNamed) {
  EXPECT_THAT(Failure("", 0), HasSubstr("x.safetensors: byte 0: the file is empty"));
  MemorySource cut("x.safetensors", "abc");
  EXPECT_THAT(std::string(ReadSafetensorsHeader(cut).status().message()),
              HasSubstr("8 more bytes are needed"));
  EXPECT_THAT(Failure(WithLength("[]"), 100),
              HasSubstr("byte 8: the header does not begin with {"));
  EXPECT_THAT(Failure(WithLength("{"), 100), HasSubstr("not JSON"));
  EXPECT_THAT(Failure(Raw(~std::uint64_t{0}), kExbibyte), HasSubstr("safetensors have at most"));
  EXPECT_THAT(Failure(Raw<std::uint64_t>(1'000), 100),
              HasSubstr("a header of 1000 bytes is announced and 92 are left (a truncated"));
}

TEST(Safetensors, AnnouncedLengthsCostNoMemory) {
  ImaginedSource source("x.safetensors", Raw(~std::uint64_t{0} >> 1), kExbibyte);
  EXPECT_FALSE(ReadSafetensorsHeader(source).ok());
  EXPECT_LE(source.bytes_read, 8u);
}

TEST(Safetensors, TruncatedDataAreNamed) {
  SafetensorsWriter writer;
  writer.Tensor("a", "BF16", {1'000});
  EXPECT_THAT(
      Failure(writer.Header(), writer.size() - 1),
      HasSubstr("tensor \"a\": ends at byte 2000 of the data, which have 1999 (a truncated"));
}

TEST(Safetensors, DamagedEntriesAreNamed) {
  EXPECT_THAT(Failure(R"({"a": 1})"), HasSubstr("tensor \"a\": dtype \"\" is unknown"));
  EXPECT_THAT(Failure(R"({"a": {"dtype": "Q4", "shape": [1], "data_offsets": [0, 1]}})"),
              HasSubstr("dtype \"Q4\" is unknown"));
  EXPECT_THAT(Failure(R"({"a": {"dtype": "U8", "data_offsets": [0, 1]}})"), HasSubstr("no shape"));
  EXPECT_THAT(Failure(R"({"a": {"dtype": "U8", "shape": [-1], "data_offsets": [0, 1]}})"),
              HasSubstr("no whole number"));
  EXPECT_THAT(Failure(R"({"a": {"dtype": "U8", "shape": [1.5], "data_offsets": [0, 1]}})"),
              HasSubstr("no whole number"));
  EXPECT_THAT(Failure(R"({"a": {"dtype": "U8", "shape": [1e300], "data_offsets": [0, 1]}})"),
              HasSubstr("no whole number"));
  EXPECT_THAT(Failure(R"({"a": {"dtype": "U8", "shape": [4294967296, 4294967296],
                          "data_offsets": [0, 1]}})"),
              HasSubstr("more numbers than 64 bits can count"));
  EXPECT_THAT(Failure(R"({"a": {"dtype": "F64", "shape": [4294967296, 2147483648],
                          "data_offsets": [0, 1]}})"),
              HasSubstr("more bytes than 64 bits can count"));
  EXPECT_THAT(Failure(R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0]}})"),
              HasSubstr("no two data_offsets"));
  EXPECT_THAT(Failure(R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": [8, 4]}})"),
              HasSubstr("no range"));
  EXPECT_THAT(Failure(R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 5]}})"),
              HasSubstr("takes 5 bytes; its shape and type need 4"));
  EXPECT_THAT(Failure(R"({"a": {"dtype": "F4", "shape": [3], "data_offsets": [0, 2]}})"),
              HasSubstr("do not fill whole bytes"));
  EXPECT_THAT(Failure(R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
                          "b": {"dtype": "U8", "shape": [4], "data_offsets": [2, 6]}})"),
              HasSubstr("two tensors share byte 2"));
}

TEST(Safetensors, KeysThatStandTwiceAreRefused) {
  EXPECT_THAT(Failure(R"({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]},
                          "a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}})"),
              HasSubstr("key \"a\" stands twice"));
  EXPECT_THAT(Failure(R"({"a": {"dtype": "U8", "dtype": "U8"}})"), HasSubstr("stands twice"));
}

TEST(Safetensors, DeepNestingAndManyValuesEnd) {
  EXPECT_THAT(Failure("{\"a\":" + std::string(1'000'000, '[')), HasSubstr("nested deeper than 32"));
  std::string many = "{\"a\":[0";
  for (int i = 0; i < 2'100'000; ++i) many += ",0";
  EXPECT_THAT(Failure(many + "]}"), HasSubstr("more than 2000000 values"));
}

TEST(Safetensors, AsManyTensorsAsAreDocumented) {
  std::string json = "{";
  for (int i = 0; i < 400'000; ++i) {
    absl::StrAppend(&json, i == 0 ? "" : ",", "\"", i,
                    R"(":{"dtype":"U8","shape":[0,1,1,1],"data_offsets":[0,0]})");
  }
  const std::string bytes = WithLength(json + "}");
  MemorySource source("x.safetensors", bytes);
  const auto header = ReadSafetensorsHeader(source);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->tensors.size(), 400'000u);
}

TEST(Safetensors, MoreTensorsAreRefused) {
  SafetensorsWriter writer;
  writer.Tensor("a", "U8", {1}).Tensor("b", "U8", {1}).Tensor("c", "U8", {1});
  ImaginedSource source("x.safetensors", writer.Header(), writer.size());
  SafetensorsLimits limits;
  limits.tensors = 2;
  EXPECT_THAT(std::string(ReadSafetensorsHeader(source, limits).status().message()),
              HasSubstr("x.safetensors: more than 2 tensors"));
}

TEST(Safetensors, TextThatIsNoUtf8IsRefused) {
  EXPECT_THAT(Failure("{\"\xff\": 1}"), HasSubstr("not UTF-8"));
  EXPECT_THAT(Failure("{\"__metadata__\": {}"), StartsWith("x.safetensors: byte "));
}

}  // namespace
}  // namespace capacity::modelfile
