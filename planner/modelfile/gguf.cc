#include "planner/modelfile/gguf.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/modelfile/shown_text.h"

namespace capacity::modelfile {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF fields are read as they stand");

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint32_t kOldestVersion = 2;   // version 1 had 32-bit lengths; nothing writes it
constexpr std::uint32_t kNewestVersion = 3;
constexpr std::uint32_t kMostDimensions = 4;  // GGML_MAX_DIMS
constexpr std::uint64_t kMostAlignment = 1 << 20;

enum ValueType : std::uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64,
  kValueTypes,
};

// Bytes of a scalar; 0 of a string or an array.
std::uint64_t SizeOf(std::uint32_t type) {
  constexpr std::uint64_t kSizes[kValueTypes] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return kSizes[type];
}

// a * b, or nullopt where 64 bits do not hold it.
std::optional<std::uint64_t> Product(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// A name for a message: printable, cut to a length.
std::string Quoted(std::string_view name) {
  constexpr std::size_t kMost = 80;
  std::string out = "\"";
  for (const char c : name.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte >= 0x7f || c == '"' ? '?' : c;
  }
  return out + (name.size() > kMost ? "...\"" : "\"");
}

// Sequential reading with the file's size and the header's limit in view.
class Cursor {
 public:
  Cursor(ByteSource& source, std::uint64_t limit) : source_(source), limit_(limit) {}

  std::uint64_t position() const { return position_; }
  const ByteSource& source() const { return source_; }

  // "FILE: byte N: what".
  absl::Status Wrong(std::uint64_t at, std::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat(source_.name(), ": byte ", at, ": ", std::string(what)));
  }

  template <class Number>
  absl::Status Read(Number& out) {
    return Copy(reinterpret_cast<char*>(&out), sizeof(Number));
  }

  absl::Status Copy(char* out, std::size_t count) {
    if (absl::Status status = Check(count); !status.ok()) return status;
    while (count > 0) {
      if (position_ < start_ || position_ >= start_ + filled_) {
        if (absl::Status status = Fill(); !status.ok()) return status;
      }
      const std::size_t at = position_ - start_;
      const std::size_t now = std::min(count, filled_ - at);
      std::memcpy(out, buffer_.data() + at, now);
      out += now;
      position_ += now;
      count -= now;
    }
    return absl::OkStatus();
  }

  absl::Status Skip(std::uint64_t count) {
    if (absl::Status status = Check(count); !status.ok()) return status;
    position_ += count;
    return absl::OkStatus();
  }

  // Whether `count` further bytes exist and a header may have them.
  absl::Status Check(std::uint64_t count) const {
    const std::uint64_t left = source_.size() - position_;
    if (count > left) {
      return absl::OutOfRangeError(absl::StrCat(
          source_.name(), ": byte ", position_, ": ", count, " bytes are announced and ", left,
          " are left; the file is damaged, or a truncated download"));
    }
    if (count > limit_ - std::min(limit_, position_)) {
      return absl::OutOfRangeError(absl::StrCat(source_.name(), ": byte ", position_,
                                                ": the header is longer than ", limit_,
                                                " bytes, the most that is read"));
    }
    return absl::OkStatus();
  }

 private:
  static constexpr std::size_t kBuffer = 64 << 10;

  absl::Status Fill() {
    const std::uint64_t left = source_.size() - position_;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kBuffer, left));
    buffer_.resize(count);
    start_ = position_;
    filled_ = 0;
    if (absl::Status status = source_.Read(position_, buffer_.data(), count); !status.ok()) {
      return status;
    }
    filled_ = count;
    return absl::OkStatus();
  }

  ByteSource& source_;
  std::uint64_t limit_;
  std::uint64_t position_ = 0;
  std::string buffer_;
  std::uint64_t start_ = 0;
  std::size_t filled_ = 0;
};

class Reader {
 public:
  Reader(ByteSource& source, const GgufLimits& limits)
      : in_(source, limits.header_bytes), limits_(limits) {}

  absl::StatusOr<GgufHeader> Run() {
    header_.file_bytes = in_.source().size();
    for (absl::Status (Reader::*step)() : {&Reader::Start, &Reader::Metadata, &Reader::Alignment,
                                           &Reader::Directory, &Reader::Extents}) {
      if (absl::Status status = (this->*step)(); !status.ok()) return status;
    }
    return std::move(header_);
  }

 private:
  absl::Status Start() {
    if (in_.source().size() == 0) return in_.Wrong(0, "the file is empty; a GGUF was expected");
    std::uint32_t magic = 0;
    if (absl::Status status = in_.Read(magic); !status.ok()) return status;
    if (magic == __builtin_bswap32(kMagic)) {
      return in_.Wrong(0, "a GGUF whose bytes are reversed; llama.cpp does not load it either");
    }
    if (magic != kMagic) {
      return in_.Wrong(0,
                       "not a GGUF (\"GGUF\" expected); a Hugging Face directory is named with "
                       "--model-dir");
    }
    std::uint32_t version = 0;
    if (absl::Status status = in_.Read(version); !status.ok()) return status;
    if (version == 1) {
      return in_.Wrong(4,
                       "GGUF version 1, which llama.cpp no longer reads; convert the model anew");
    }
    if ((version & 0xffff) == 0) {
      return in_.Wrong(4,
                       "a big-endian GGUF; this machine and llama.cpp on it read little-endian "
                       "ones (gguf_convert_endian.py turns it round)");
    }
    if (version < kOldestVersion || version > kNewestVersion) {
      return in_.Wrong(4, absl::StrCat("GGUF version ", version, "; ", kOldestVersion, " and ",
                                       kNewestVersion, " are known"));
    }
    header_.version = static_cast<int>(version);
    if (absl::Status status = in_.Read(tensor_count_); !status.ok()) return status;
    if (absl::Status status = in_.Read(metadata_count_); !status.ok()) return status;
    constexpr std::uint64_t kTensorCountAt = 8;
    constexpr std::uint64_t kMetadataCountAt = 16;
    if (tensor_count_ > limits_.tensors) {
      return in_.Wrong(kTensorCountAt, absl::StrCat(tensor_count_, " tensors; at most ",
                                                    limits_.tensors, " are read"));
    }
    if (metadata_count_ > limits_.metadata_entries) {
      return in_.Wrong(kMetadataCountAt,
                       absl::StrCat(metadata_count_, " metadata entries; at most ",
                                    limits_.metadata_entries, " are read"));
    }
    return absl::OkStatus();
  }

  absl::Status ReadString(std::uint64_t most, std::string_view what, std::string& out) {
    const std::uint64_t at = in_.position();
    std::uint64_t length = 0;
    if (absl::Status status = in_.Read(length); !status.ok()) return status;
    if (length > most) {
      return in_.Wrong(at, absl::StrCat(std::string(what), " of ", length, " bytes; at most ", most,
                                        " are read"));
    }
    if (absl::Status status = in_.Check(length); !status.ok()) return status;
    out.resize(static_cast<std::size_t>(length));
    return in_.Copy(out.data(), out.size());
  }

  absl::Status Metadata() {
    for (std::uint64_t i = 0; i < metadata_count_; ++i) {
      const std::uint64_t at = in_.position();
      std::string key;
      if (absl::Status status = ReadString(limits_.key_bytes, "a metadata key", key); !status.ok())
        return status;
      std::uint32_t type = 0;
      if (absl::Status status = in_.Read(type); !status.ok()) return status;
      GgufValue value;
      if (absl::Status status = ReadValue(key, type, value); !status.ok()) return status;
      if (!header_.metadata.try_emplace(key, std::move(value)).second) {
        return in_.Wrong(at, absl::StrCat("metadata key ", Quoted(key),
                                          " for the second time; each may stand once"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status UnknownValueType(std::string_view key, std::uint32_t type) {
    return in_.Wrong(in_.position() - sizeof(type),
                     absl::StrCat("metadata ", Quoted(key), " is of type ", type,
                                  "; GGUF knows 0 to ", kValueTypes - 1));
  }

  absl::Status ReadValue(std::string_view key, std::uint32_t type, GgufValue& out) {
    if (type >= kValueTypes) return UnknownValueType(key, type);
    if (type == kArray) return ReadArray(key, out);
    if (type == kString) return ReadText(out);
    return ReadScalar(type, out);
  }

  template <class Number, class Kept>
  absl::Status ReadAs(GgufValue& out) {
    Number number{};
    if (absl::Status status = in_.Read(number); !status.ok()) return status;
    out.value = static_cast<Kept>(number);
    return absl::OkStatus();
  }

  absl::Status ReadScalar(std::uint32_t type, GgufValue& out) {
    switch (type) {
      case kUint8:
        return ReadAs<std::uint8_t, std::uint64_t>(out);
      case kInt8:
        return ReadAs<std::int8_t, std::int64_t>(out);
      case kUint16:
        return ReadAs<std::uint16_t, std::uint64_t>(out);
      case kInt16:
        return ReadAs<std::int16_t, std::int64_t>(out);
      case kUint32:
        return ReadAs<std::uint32_t, std::uint64_t>(out);
      case kInt32:
        return ReadAs<std::int32_t, std::int64_t>(out);
      case kFloat32:
        return ReadAs<float, double>(out);
      case kUint64:
        return ReadAs<std::uint64_t, std::uint64_t>(out);
      case kInt64:
        return ReadAs<std::int64_t, std::int64_t>(out);
      case kFloat64:
        return ReadAs<double, double>(out);
      default: {
        std::uint8_t byte = 0;  // kBool
        if (absl::Status status = in_.Read(byte); !status.ok()) return status;
        out.value = byte != 0;
        return absl::OkStatus();
      }
    }
  }

  absl::Status ReadText(GgufValue& out) {
    std::uint64_t length = 0;
    if (absl::Status status = in_.Read(length); !status.ok()) return status;
    if (length > limits_.kept_string_bytes) {
      out.value = GgufValue::Skipped{length};
      return in_.Skip(length);
    }
    if (absl::Status status = in_.Check(length); !status.ok()) return status;
    std::string text(static_cast<std::size_t>(length), '\0');
    if (absl::Status status = in_.Copy(text.data(), text.size()); !status.ok()) return status;
    out.value = std::move(text);
    return absl::OkStatus();
  }

  absl::Status ReadArray(std::string_view key, GgufValue& out) {
    std::uint32_t type = 0;
    if (absl::Status status = in_.Read(type); !status.ok()) return status;
    if (type >= kValueTypes) return UnknownValueType(key, type);
    const std::uint64_t at = in_.position();
    if (type == kArray) {
      return in_.Wrong(at - sizeof(type), absl::StrCat("metadata ", Quoted(key),
                                                       " is an array of arrays, which GGUF's "
                                                       "readers refuse"));
    }
    std::uint64_t count = 0;
    if (absl::Status status = in_.Read(count); !status.ok()) return status;
    if (count > limits_.array_items) {
      return in_.Wrong(at, absl::StrCat("metadata ", Quoted(key), " has ", count,
                                        " items; at most ", limits_.array_items, " are read"));
    }
    if (type == kString) return SkipStrings(count, out);
    const std::uint64_t bytes = count * SizeOf(type);  // both are small
    if (count > limits_.kept_array_items) {
      out.value = GgufValue::Skipped{count};
      return in_.Skip(bytes);
    }
    if (absl::Status status = in_.Check(bytes); !status.ok()) return status;
    GgufValue::Array numbers;
    for (std::uint64_t i = 0; i < count; ++i) {
      GgufValue item;
      if (absl::Status status = ReadScalar(type, item); !status.ok()) return status;
      numbers.push_back(std::visit(
          [](const auto& held) -> double {
            if constexpr (std::is_arithmetic_v<std::decay_t<decltype(held)>>) {
              return static_cast<double>(held);
            } else {
              return 0;  // no scalar is a text
            }
          },
          item.value));
    }
    out.value = std::move(numbers);
    return absl::OkStatus();
  }

  absl::Status SkipStrings(std::uint64_t count, GgufValue& out) {
    for (std::uint64_t i = 0; i < count; ++i) {
      std::uint64_t length = 0;
      if (absl::Status status = in_.Read(length); !status.ok()) return status;
      if (absl::Status status = in_.Skip(length); !status.ok()) return status;
    }
    out.value = GgufValue::Skipped{count};
    return absl::OkStatus();
  }

  absl::Status Alignment() {
    const auto held = header_.metadata.find("general.alignment");
    if (held == header_.metadata.end()) return absl::OkStatus();
    const std::optional<std::int64_t> stated = header_.Integer("general.alignment");
    if (!stated || *stated <= 0 || static_cast<std::uint64_t>(*stated) > kMostAlignment ||
        !std::has_single_bit(static_cast<std::uint64_t>(*stated))) {
      return in_.Wrong(in_.position(),
                       "general.alignment is no power of two from 1 to 1048576 bytes");
    }
    header_.alignment = static_cast<std::uint64_t>(*stated);
    return absl::OkStatus();
  }

  absl::Status Directory() {
    std::set<std::string_view> names;
    header_.tensors.reserve(
        static_cast<std::size_t>(std::min<std::uint64_t>(tensor_count_, 4'096)));
    starts_.reserve(header_.tensors.capacity());
    for (std::uint64_t i = 0; i < tensor_count_; ++i) {
      starts_.push_back(in_.position());
      GgufTensor tensor;
      if (absl::Status status = ReadTensor(tensor); !status.ok()) return status;
      header_.tensors.push_back(std::move(tensor));
    }
    for (std::size_t i = 0; i < header_.tensors.size(); ++i) {
      if (!names.insert(header_.tensors[i].name).second) {
        return in_.Wrong(starts_[i], absl::StrCat("tensor ", Quoted(header_.tensors[i].name),
                                                  " for the second time; each may stand once"));
      }
    }
    header_.data_offset =
        (in_.position() + header_.alignment - 1) / header_.alignment * header_.alignment;
    return absl::OkStatus();
  }

  absl::Status ReadTensor(GgufTensor& tensor) {
    if (absl::Status status = ReadString(limits_.name_bytes, "a tensor's name", tensor.name);
        !status.ok()) {
      return status;
    }
    std::uint64_t at = in_.position();
    const auto wrong = [&](std::string_view what) {
      return in_.Wrong(at, absl::StrCat("tensor ", Quoted(tensor.name), " ", std::string(what)));
    };
    std::uint32_t dimensions = 0;
    if (absl::Status status = in_.Read(dimensions); !status.ok()) return status;
    if (dimensions > kMostDimensions) {
      return wrong(
          absl::StrCat("has ", dimensions, " dimensions; ggml has at most ", kMostDimensions));
    }
    tensor.parameters = 1;
    for (std::uint32_t d = 0; d < dimensions; ++d) {
      at = in_.position();
      std::uint64_t length = 0;
      if (absl::Status status = in_.Read(length); !status.ok()) return status;
      constexpr std::uint64_t kMostLength = std::numeric_limits<std::int64_t>::max();
      if (length > kMostLength) return wrong(absl::StrCat("is ", length, " long, beyond 63 bits"));
      const std::optional<std::uint64_t> product = Product(tensor.parameters, length);
      if (!product || *product > kMostLength) {
        return wrong("has more numbers than 63 bits can count");
      }
      tensor.parameters = *product;
      tensor.shape.push_back(length);
    }
    at = in_.position();
    std::uint32_t type = 0;
    if (absl::Status status = in_.Read(type); !status.ok()) return status;
    tensor.type = GgufType(type);
    if (tensor.type == nullptr) {
      return wrong(absl::StrCat("is of ggml type ", type,
                                ", which is unknown or was removed; a newer planner may know it"));
    }
    const auto block = static_cast<std::uint64_t>(tensor.type->block);
    const std::uint64_t row = tensor.shape.empty() ? 1 : tensor.shape.front();
    if (row % block != 0) {
      return wrong(absl::StrCat("has rows of ", row, " numbers; ", std::string(tensor.type->name),
                                " packs ", block, " together"));
    }
    const std::optional<std::uint64_t> bytes =
        Product(tensor.parameters / block, static_cast<std::uint64_t>(tensor.type->block_bytes));
    if (!bytes) return wrong("has more bytes than 64 bits can count");
    tensor.bytes = *bytes;
    at = in_.position();
    if (absl::Status status = in_.Read(tensor.offset); !status.ok()) return status;
    if (tensor.offset % header_.alignment != 0) {
      return wrong(
          absl::StrCat("starts at ", tensor.offset, ", no multiple of ", header_.alignment));
    }
    return absl::OkStatus();
  }

  // Offsets in the directory count from the data's start; here they become the file's. ggml wants
  // the tensors one behind the other, so that none overlap.
  absl::Status Extents() {
    std::uint64_t expected = 0;
    for (std::size_t i = 0; i < header_.tensors.size(); ++i) {
      GgufTensor& tensor = header_.tensors[i];
      std::uint64_t start = 0;
      std::uint64_t end = 0;
      if (tensor.offset != expected) {
        return in_.Wrong(starts_[i], absl::StrCat("tensor ", Quoted(tensor.name), " starts at ",
                                                  tensor.offset, " of the data; ", expected,
                                                  " would be right, behind the one before it"));
      }
      const bool overflow = __builtin_add_overflow(header_.data_offset, tensor.offset, &start) ||
                            __builtin_add_overflow(start, tensor.bytes, &end);
      if (overflow || end > header_.file_bytes) {
        return absl::OutOfRangeError(
            absl::StrCat(in_.source().name(), ": byte ", starts_[i], ": tensor ",
                         Quoted(tensor.name), " takes ", tensor.bytes, " bytes from byte ", start,
                         "; the file ends at ", header_.file_bytes, " (a truncated download?)"));
      }
      tensor.offset = start;
      // No overflow: the data end inside the file, whose size is a signed number.
      expected = (end - header_.data_offset + header_.alignment - 1) / header_.alignment *
                 header_.alignment;
    }
    return absl::OkStatus();
  }

  Cursor in_;
  const GgufLimits& limits_;
  GgufHeader header_;
  std::uint64_t tensor_count_ = 0;
  std::uint64_t metadata_count_ = 0;
  std::vector<std::uint64_t> starts_;  // of each tensor's entry, for messages
};

const GgufValue* Find(const GgufHeader& header, std::string_view key) {
  const auto held = header.metadata.find(key);
  return held == header.metadata.end() ? nullptr : &held->second;
}

}  // namespace

std::optional<std::int64_t> GgufHeader::Integer(std::string_view key) const {
  const GgufValue* held = Find(*this, key);
  if (held == nullptr) return std::nullopt;
  if (const auto* number = std::get_if<std::int64_t>(&held->value)) return *number;
  const auto* number = std::get_if<std::uint64_t>(&held->value);
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (number == nullptr || *number > kMost) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

std::optional<double> GgufHeader::Number(std::string_view key) const {
  const GgufValue* held = Find(*this, key);
  if (held == nullptr) return std::nullopt;
  if (const auto* number = std::get_if<double>(&held->value)) return *number;
  const std::optional<std::int64_t> integer = Integer(key);
  return integer ? std::optional<double>(static_cast<double>(*integer)) : std::nullopt;
}

std::optional<bool> GgufHeader::Flag(std::string_view key) const {
  const GgufValue* held = Find(*this, key);
  const bool* flag = held == nullptr ? nullptr : std::get_if<bool>(&held->value);
  return flag == nullptr ? std::nullopt : std::optional<bool>(*flag);
}

std::string_view GgufHeader::Text(std::string_view key) const {
  const GgufValue* held = Find(*this, key);
  const std::string* text = held == nullptr ? nullptr : std::get_if<std::string>(&held->value);
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

std::optional<std::vector<double>> GgufHeader::Numbers(std::string_view key) const {
  const GgufValue* held = Find(*this, key);
  if (held == nullptr) return std::nullopt;
  if (const auto* numbers = std::get_if<GgufValue::Array>(&held->value)) return *numbers;
  const std::optional<double> number = Number(key);
  if (!number) return std::nullopt;
  return std::vector<double>{*number};
}

std::optional<std::uint64_t> GgufHeader::Length(std::string_view key) const {
  const GgufValue* held = Find(*this, key);
  if (held == nullptr) return std::nullopt;
  if (const auto* numbers = std::get_if<GgufValue::Array>(&held->value)) return numbers->size();
  const auto* skipped = std::get_if<GgufValue::Skipped>(&held->value);
  return skipped == nullptr ? std::nullopt : std::optional<std::uint64_t>(skipped->length);
}

absl::StatusOr<GgufHeader> ReadGgufHeader(ByteSource& source, const GgufLimits& limits) {
  absl::StatusOr<GgufHeader> header = Reader(source, limits).Run();
  if (!header.ok()) return Shown(header.status());
  return header;
}

}  // namespace capacity::modelfile
