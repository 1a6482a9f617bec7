// Model files that exist only as their headers: written here, read as if their data were there.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "planner/modelfile/composed.h"
#include "planner/modelfile/gguf.h"

namespace capacity::modelfile {

// Bytes, then zeros up to a size; counts what is asked of it.
class ImaginedSource : public ByteSource {
 public:
  ImaginedSource(std::string name, std::string start, std::uint64_t size)
      : name_(std::move(name)), start_(std::move(start)), size_(size) {}

  const std::string& name() const override { return name_; }
  std::uint64_t size() const override { return size_; }
  absl::Status Read(std::uint64_t offset, char* out, std::size_t count) override {
    if (offset > size_ || count > size_ - offset) return absl::OutOfRangeError("beyond the end");
    bytes_read += count;
    largest_read = std::max<std::uint64_t>(largest_read, count);
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = offset + i < start_.size() ? start_[static_cast<std::size_t>(offset + i)] : '\0';
    }
    return absl::OkStatus();
  }

  std::uint64_t bytes_read = 0;
  std::uint64_t largest_read = 0;

 private:
  std::string name_;
  std::string start_;
  std::uint64_t size_;
};

template <class Number>
std::string Raw(Number number) {
  std::string bytes(sizeof(number), '\0');
  std::memcpy(bytes.data(), &number, sizeof(number));
  return bytes;
}

// ---------------------------------------------------------------- GGUF

enum GgmlNumber : std::uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ8_0 = 8,
  kQ4_K = 12,
  kQ6_K = 14,
  kBf16 = 30,
  kMxfp4 = 39,
};

class GgufWriter {
 public:
  explicit GgufWriter(std::string architecture) : architecture_(std::move(architecture)) {
    Text("general.architecture", architecture_);
  }

  static std::string String(std::string_view text) {
    return Raw<std::uint64_t>(text.size()) + std::string(text);
  }
  // "*.block_count" stands for "llama.block_count".
  std::string Key(std::string_view key) const {
    return key.substr(0, 2) == "*." ? architecture_ + std::string(key.substr(1)) : std::string(key);
  }
  GgufWriter& Entry(std::string_view key, std::uint32_t type, const std::string& value) {
    metadata_ += String(Key(key)) + Raw(type) + value;
    ++entries_;
    return *this;
  }
  GgufWriter& Count(std::string_view key, std::uint32_t value) { return Entry(key, 4, Raw(value)); }
  GgufWriter& Text(std::string_view key, std::string_view value) {
    return Entry(key, 8, String(value));
  }
  GgufWriter& Array(std::string_view key, const std::vector<std::int32_t>& values) {
    std::string bytes = Raw<std::uint32_t>(5) + Raw<std::uint64_t>(values.size());
    for (std::int32_t value : values) bytes += Raw(value);
    return Entry(key, 9, bytes);
  }
  GgufWriter& Tensor(const std::string& name, const std::vector<std::uint64_t>& shape,
                     std::uint32_t type) {
    directory_ += String(name) + Raw(static_cast<std::uint32_t>(shape.size()));
    std::uint64_t numbers = 1;
    for (std::uint64_t length : shape) {
      directory_ += Raw(length);
      numbers *= length;
    }
    directory_ += Raw(type) + Raw(data_bytes_);
    const TensorType* known = GgufType(type);
    const std::uint64_t bytes = known == nullptr
                                    ? 0
                                    : numbers / static_cast<std::uint64_t>(known->block) *
                                          static_cast<std::uint64_t>(known->block_bytes);
    data_bytes_ += (bytes + 31) / 32 * 32;
    ++tensors_;
    return *this;
  }

  // The header, up to where data begin.
  std::string Header(std::uint32_t version = 3) const {
    std::string out =
        "GGUF" + Raw(version) + Raw(tensors_) + Raw(entries_) + metadata_ + directory_;
    out.resize((out.size() + 31) / 32 * 32);
    return out;
  }
  std::uint64_t size() const { return Header().size() + data_bytes_; }
  ImaginedSource Source(const std::string& name = "x.gguf") const {
    return {name, Header(), size()};
  }

 private:
  std::string architecture_;
  std::string metadata_;
  std::string directory_;
  std::uint64_t entries_ = 0;
  std::uint64_t tensors_ = 0;
  std::uint64_t data_bytes_ = 0;
};

// ---------------------------------------------------------------- safetensors

class SafetensorsWriter {
 public:
  SafetensorsWriter& Tensor(const std::string& name, const std::string& type,
                            const std::vector<std::uint64_t>& shape) {
    std::string lengths;
    std::uint64_t numbers = 1;
    for (std::uint64_t length : shape) {
      absl::StrAppend(&lengths, lengths.empty() ? "" : ",", length);
      numbers *= length;
    }
    const TensorType* known = SafetensorsType(type);
    const std::uint64_t bytes = numbers / static_cast<std::uint64_t>(known->block) *
                                static_cast<std::uint64_t>(known->block_bytes);
    absl::StrAppend(&json_, json_.empty() ? "" : ",", "\"", name, "\":{\"dtype\":\"", type,
                    "\",\"shape\":[", lengths, "],\"data_offsets\":[", data_bytes_, ",",
                    data_bytes_ + bytes, "]}");
    data_bytes_ += bytes;
    return *this;
  }

  std::string Header() const {
    const std::string text = absl::StrCat("{", json_, "}");
    return Raw<std::uint64_t>(text.size()) + text;
  }
  std::uint64_t data_bytes() const { return data_bytes_; }
  std::uint64_t size() const { return Header().size() + data_bytes_; }

 private:
  std::string json_;
  std::uint64_t data_bytes_ = 0;
};

// A checkpoint in memory.
class ImaginedFolder : public Folder {
 public:
  explicit ImaginedFolder(std::string path = "dir") : path_(std::move(path)) {}

  ImaginedFolder& Add(const std::string& name, const std::string& text) {
    files_[name] = {text, text.size()};
    return *this;
  }
  // A text and as many zeros behind it.
  ImaginedFolder& Add(const std::string& name, const std::string& text, std::uint64_t zeros) {
    files_[name] = {text, text.size() + zeros};
    return *this;
  }
  ImaginedFolder& Add(const std::string& name, const SafetensorsWriter& tensors) {
    files_[name] = {tensors.Header(), tensors.size()};
    return *this;
  }

  const std::string& path() const override { return path_; }
  absl::StatusOr<std::unique_ptr<ByteSource>> Open(const std::string& name) override {
    const auto held = files_.find(name);
    if (held == files_.end()) return absl::NotFoundError(path_ + "/" + name);
    return std::make_unique<ImaginedSource>(path_ + "/" + name, held->second.first,
                                            held->second.second);
  }
  absl::StatusOr<std::vector<std::string>> List() override {
    std::vector<std::string> names;
    for (const auto& [name, file] : files_) names.push_back(name);
    return names;
  }

 private:
  std::string path_;
  std::map<std::string, std::pair<std::string, std::uint64_t>> files_;
};

}  // namespace capacity::modelfile
