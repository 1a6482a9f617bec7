#include "planner/modelfile/safetensors.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/modelfile/json.h"
#include "planner/modelfile/shown_text.h"

namespace capacity::modelfile {
namespace {

constexpr std::uint64_t kLengthBytes = 8;

std::string Quoted(std::string_view name) {
  constexpr std::size_t kMost = 80;
  std::string out = "\"";
  for (const char c : name.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte >= 0x7f || c == '"' ? '?' : c;
  }
  return out + (name.size() > kMost ? "...\"" : "\"");
}

// A whole number below 2^53, which a JSON number holds exactly; nullopt otherwise.
std::optional<std::uint64_t> Whole(const JsonValue& value) {
  constexpr double kExact = 9007199254740992.0;
  if (value.kind != JsonValue::Kind::kNumber || !(value.number >= 0) || value.number >= kExact ||
      value.number != std::floor(value.number)) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(value.number);
}

class Reader {
 public:
  Reader(ByteSource& source, const SafetensorsLimits& limits) : source_(source), limits_(limits) {}

  absl::StatusOr<SafetensorsHeader> Run() {
    absl::StatusOr<std::string> text = ReadText();
    if (!text.ok()) return text.status();
    data_bytes_ = source_.size() - kLengthBytes - text->size();
    out_.file_bytes = source_.size();
    const auto take = [this](const std::string& name, const JsonValue& value) {
      if (name != "__metadata__") {
        wrong_ = AddTensor(name, value);
        return wrong_;
      }
      out_.format = std::string(value.Text("format").substr(0, 32));
      return absl::OkStatus();
    };
    const absl::Status read = ForEachMember(*text, take, kLengthBytes);
    if (!wrong_.ok()) return wrong_;  // names the file itself
    if (!read.ok()) return Wrong(std::string(read.message()));
    if (absl::Status status = CheckOverlaps(); !status.ok()) return status;
    return std::move(out_);
  }

 private:
  absl::Status Wrong(const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat(source_.name(), ": ", what));
  }

  absl::StatusOr<std::string> ReadText() {
    if (source_.size() == 0) return Wrong("byte 0: the file is empty; safetensors were expected");
    unsigned char digits[kLengthBytes] = {};
    if (absl::Status status = source_.Read(0, reinterpret_cast<char*>(digits), kLengthBytes);
        !status.ok()) {
      return status;
    }
    std::uint64_t length = 0;
    for (std::size_t i = kLengthBytes; i-- > 0;) length = length << 8 | digits[i];
    const std::uint64_t rest = source_.size() - kLengthBytes;
    if (length > limits_.header_bytes) {
      return Wrong(absl::StrCat("byte 0: a header of ", length,
                                " bytes is announced; safetensors "
                                "have at most ",
                                limits_.header_bytes));
    }
    if (length > rest) {
      return Wrong(absl::StrCat("byte 0: a header of ", length, " bytes is announced and ", rest,
                                " are left (a truncated download?)"));
    }
    std::string text(static_cast<std::size_t>(length), '\0');
    if (absl::Status status = source_.Read(kLengthBytes, text.data(), text.size()); !status.ok()) {
      return status;
    }
    if (text.empty() || text.front() != '{') {
      return Wrong("byte 8: the header does not begin with {; these are no safetensors");
    }
    return text;
  }

  absl::Status AddTensor(const std::string& name, const JsonValue& value) {
    const auto wrong = [&](const std::string& what) {
      return Wrong(absl::StrCat("tensor ", Quoted(name), ": ", what));
    };
    if (name.size() > limits_.name_bytes) {
      return wrong(absl::StrCat("a name of ", name.size(), " bytes; at most ", limits_.name_bytes,
                                " are read"));
    }
    if (out_.tensors.size() >= limits_.tensors) {
      return Wrong(absl::StrCat("more than ", limits_.tensors, " tensors"));
    }
    SafetensorsTensor tensor;
    tensor.name = name;
    tensor.type = SafetensorsType(value.Text("dtype"));
    if (tensor.type == nullptr) {
      return wrong(absl::StrCat("dtype ", Quoted(value.Text("dtype")),
                                " is unknown; BF16, F8_E4M3, U8 and their kind are known"));
    }
    const JsonValue* shape = value.Find("shape");
    if (shape == nullptr || !shape->is_array()) return wrong("no shape");
    tensor.numbers = 1;
    for (const JsonValue& item : shape->items) {
      const std::optional<std::uint64_t> length = Whole(item);
      if (!length) return wrong("a length in its shape is no whole number below 2^53");
      if (__builtin_mul_overflow(tensor.numbers, *length, &tensor.numbers)) {
        return wrong("has more numbers than 64 bits can count");
      }
      tensor.shape.push_back(*length);
    }
    const auto block = static_cast<std::uint64_t>(tensor.type->block);
    if (tensor.numbers % block != 0) {
      return wrong(absl::StrCat("has ", tensor.numbers, " numbers, which do not fill whole bytes"));
    }
    if (__builtin_mul_overflow(tensor.numbers / block,
                               static_cast<std::uint64_t>(tensor.type->block_bytes),
                               &tensor.bytes)) {
      return wrong("has more bytes than 64 bits can count");
    }
    const JsonValue* offsets = value.Find("data_offsets");
    if (offsets == nullptr || offsets->items.size() != 2) return wrong("no two data_offsets");
    const std::optional<std::uint64_t> begin = Whole(offsets->items[0]);
    const std::optional<std::uint64_t> end = Whole(offsets->items[1]);
    if (!begin || !end || *end < *begin) return wrong("data_offsets that are no range of bytes");
    if (*end > data_bytes_) {
      return wrong(absl::StrCat("ends at byte ", *end, " of the data, which have ", data_bytes_,
                                " (a truncated download?)"));
    }
    if (*end - *begin != tensor.bytes) {
      return wrong(
          absl::StrCat("takes ", *end - *begin, " bytes; its shape and type need ", tensor.bytes));
    }
    ranges_.push_back({*begin, *end});
    out_.tensors.push_back(std::move(tensor));
    return absl::OkStatus();
  }

  absl::Status CheckOverlaps() {
    std::sort(ranges_.begin(), ranges_.end());
    std::uint64_t end = 0;
    for (const auto& [first, last] : ranges_) {
      if (first < end) {
        return Wrong(absl::StrCat("two tensors share byte ", first,
                                  " of the data; each has bytes of its own"));
      }
      end = last;
    }
    return absl::OkStatus();
  }

  ByteSource& source_;
  const SafetensorsLimits& limits_;
  SafetensorsHeader out_;
  absl::Status wrong_;  // of the tensor that ended the reading
  std::uint64_t data_bytes_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges_;
};

}  // namespace

absl::StatusOr<SafetensorsHeader> ReadSafetensorsHeader(ByteSource& source,
                                                        const SafetensorsLimits& limits) {
  absl::StatusOr<SafetensorsHeader> header = Reader(source, limits).Run();
  if (!header.ok()) return Shown(header.status());
  return header;
}

}  // namespace capacity::modelfile
