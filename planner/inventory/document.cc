#include "planner/inventory/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace capacity::inventory {
namespace {

// Thrown by the event handler to leave yaml-cpp; caught in ParseDocument.
struct Refused {};

// Problems reported for one file's syntax; a generated file could repeat one mistake for ever.
constexpr std::size_t kMaxSyntaxProblems = 100;

// ---------------------------------------------------------------- text

// Length of the UTF-8 sequence at the start of `text`, or 0 when it is not valid UTF-8.
std::size_t Utf8Length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and above U+10FFFF.
  if (first == 0xE0 && byte(1) < 0xA0) return 0;
  if (first == 0xED && byte(1) > 0x9F) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

bool IsControl(unsigned char c) {
  return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F;
}

// The first byte that no text file has; nullopt for clean UTF-8 text.
std::optional<Diagnostic> FindBinary(const std::string& file, std::string_view text) {
  int line = 1;
  int column = 1;
  for (std::size_t i = 0; i < text.size();) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    const std::size_t length = Utf8Length(text.substr(i));
    if (length == 0) {
      return Diagnostic{file, line, column, "not UTF-8 text", "save the file as UTF-8"};
    }
    if (IsControl(c)) {
      return Diagnostic{
          file, line, column,
          absl::StrCat("byte 0x", absl::Hex(c, absl::kZeroPad2),
                       " does not belong in a text file; this looks like binary data"),
          "give a YAML file"};
    }
    if (c == '\n') {
      ++line;
      column = 1;
    } else {
      ++column;
    }
    i += length;
  }
  return std::nullopt;
}

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// ---------------------------------------------------------------- events to tree

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(Document& document, const DocumentLimits& limits, Diagnostics& problems)
      : document_(document), limits_(limits), problems_(problems) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      Refuse(mark, "a second YAML document starts here", "keep one document in a file");
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Complete(NewValue(Value::Kind::kNull, mark), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                const std::string& text) override {
    Value& value = NewValue(Value::Kind::kScalar, mark);
    value.text = text;
    Complete(value, anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto it = anchors_.find(anchor);
    if (it == anchors_.end()) {
      Refuse(mark, "an alias stands inside the value that it names", "write the value out");
    }
    Attach(*it->second);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(Value::Kind::kList, mark, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(Value::Kind::kMap, mark, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapEnd() override {
    ReportRepeatedKeys(*open_.back().value);
    Close();
  }

  const Value* root() const { return root_; }

 private:
  struct Open_ {
    Value* value;
    YAML::anchor_t anchor;
    const Value* key = nullptr;  // of a map: read, its value not yet
  };

  [[noreturn]] void Refuse(const YAML::Mark& mark, std::string problem, std::string remedy) {
    problems_.push_back(
        {document_.file(), mark.line + 1, mark.column + 1, std::move(problem), std::move(remedy)});
    throw Refused{};
  }

  Value& NewValue(Value::Kind kind, const YAML::Mark& mark) {
    Value& value = document_.Add(kind);
    value.line = mark.line + 1;
    value.column = mark.column + 1;
    return value;
  }

  void Open(Value::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (static_cast<int>(open_.size()) >= limits_.depth) {
      Refuse(mark, absl::StrCat("nested deeper than ", limits_.depth, " levels"), "");
    }
    open_.push_back({&NewValue(kind, mark), anchor});
  }

  void Close() {
    const Open_ closed = open_.back();
    open_.pop_back();
    Complete(*closed.value, closed.anchor);
  }

  void Complete(const Value& value, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = &value;
    Attach(value);
  }

  void Attach(const Value& value) {
    if (open_.empty()) {
      CheckSize(value, value.expanded_size);
      root_ = &value;
      return;
    }
    Open_& parent = open_.back();
    parent.value->expanded_size += value.expanded_size;
    CheckSize(value, parent.value->expanded_size);
    if (parent.value->is_list()) {
      parent.value->items.push_back(&value);
    } else if (parent.key == nullptr) {
      parent.key = &value;
    } else {
      AddEntry(*parent.value, *parent.key, value);
      parent.key = nullptr;
    }
  }

  void AddEntry(Value& map, const Value& key, const Value& value) {
    if (!key.is_scalar()) {
      Report(ProblemAt(key, absl::StrCat("a key must be a word, not ", Describe(key))));
      return;
    }
    map.entries.push_back({&key, &value});
  }

  void CheckSize(const Value& at, std::size_t size) {
    if (size <= limits_.values) return;
    problems_.push_back(ProblemAt(
        at, absl::StrCat("more than ", limits_.values, " values once aliases are followed"),
        "write fewer aliases"));
    throw Refused{};
  }

  void ReportRepeatedKeys(Value& map) {
    std::vector<Value::Entry> sorted = map.entries;
    std::stable_sort(
        sorted.begin(), sorted.end(),
        [](const Value::Entry& a, const Value::Entry& b) { return a.key->text < b.key->text; });
    for (std::size_t i = 1; i < sorted.size(); ++i) {
      const Value& first = *sorted[i - 1].key;
      const Value& again = *sorted[i].key;
      if (first.text != again.text) continue;
      Report(ProblemAt(again, absl::StrCat("\"", again.text, "\" is given twice"),
                       absl::StrCat("it is already on line ", first.line)));
    }
  }

  void Report(Diagnostic problem) {
    problems_.push_back(std::move(problem));
    if (problems_.size() >= kMaxSyntaxProblems) throw Refused{};
  }

  Document& document_;
  const DocumentLimits& limits_;
  Diagnostics& problems_;
  std::vector<Open_> open_;
  std::map<YAML::anchor_t, const Value*> anchors_;
  const Value* root_ = nullptr;
  int documents_ = 0;
};

// Reads the whole text, so that a second document is noticed.
void Build(Document& document, std::string_view text, const DocumentLimits& limits,
           Diagnostics& problems) {
  std::istringstream stream{std::string(text)};
  try {
    YAML::Parser parser(stream);
    TreeBuilder builder(document, limits, problems);
    while (parser.HandleNextDocument(builder)) {
    }
    if (builder.root() != nullptr) document.set_root(*builder.root());
  } catch (const Refused&) {
  } catch (const YAML::Exception& error) {
    const bool located = !error.mark.is_null();
    problems.push_back({document.file(), located ? error.mark.line + 1 : 0,
                        located ? error.mark.column + 1 : 0,
                        absl::StrCat("not valid YAML: ", error.msg), ""});
  } catch (const std::exception& error) {
    problems.push_back({document.file(), 0, 0, absl::StrCat("not valid YAML: ", error.what()), ""});
  }
}

ParsedDocument Failed(const std::string& file, std::string problem, std::string remedy = "") {
  return {std::nullopt, {{file, 0, 0, std::move(problem), std::move(remedy)}}};
}

}  // namespace

const Value* Value::Find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key->text == key) return entry.value;
  }
  return nullptr;
}

std::string Describe(const Value& value) {
  constexpr std::size_t kLongest = 60;
  switch (value.kind) {
    case Value::Kind::kNull:
      return "nothing";
    case Value::Kind::kList:
      return "a list";
    case Value::Kind::kMap:
      return "a map";
    case Value::Kind::kScalar:
      break;
  }
  if (value.text.size() <= kLongest) return absl::StrCat("\"", value.text, "\"");
  std::size_t end = kLongest;  // not in the middle of a character
  while (end > 0 && (static_cast<unsigned char>(value.text[end]) & 0xC0) == 0x80) --end;
  return absl::StrCat("\"", value.text.substr(0, end), "...\"");
}

Diagnostic ProblemAt(const Value& value, std::string problem, std::string remedy) {
  return {*value.file, value.line, value.column, std::move(problem), std::move(remedy)};
}

Document::Document(std::string file) : file_(std::make_unique<const std::string>(std::move(file))) {
  root_ = &Add(Value::Kind::kNull);
}

Value& Document::Add(Value::Kind kind) {
  Value& value = values_.emplace_back();
  value.kind = kind;
  value.file = file_.get();
  value.line = 1;
  value.column = 1;
  return value;
}

ParsedDocument ParseDocument(std::string file, std::string_view text,
                             const DocumentLimits& limits) {
  if (text.size() > limits.bytes) {
    return Failed(file,
                  absl::StrCat("has more than ", limits.bytes >> 20, " MiB; no more are read"));
  }
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    text.remove_prefix(kByteOrderMark.size());
  }
  if (std::optional<Diagnostic> binary = FindBinary(file, text)) return {std::nullopt, {*binary}};
  if (IsBlank(text)) return Failed(file, "the file is empty");

  ParsedDocument parsed;
  Document document(file);
  Build(document, text, limits, parsed.problems);
  if (parsed.problems.empty() && document.root().is_null()) {
    return Failed(file, "the file holds no YAML values, only comments");
  }
  if (parsed.problems.empty()) parsed.document = std::move(document);
  return parsed;
}

ParsedDocument ReadDocument(const std::string& file, const DocumentLimits& limits) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status)) {
    return Failed(file, error && error != std::errc::no_such_file_or_directory
                            ? absl::StrCat("cannot be read: ", error.message())
                            : "no such file");
  }
  if (std::filesystem::is_directory(status)) {
    return Failed(file, "is a directory", "give a YAML file");
  }
  if (std::filesystem::is_regular_file(status)) {
    const std::uintmax_t size = std::filesystem::file_size(file, error);
    if (!error && size > limits.bytes) {
      return Failed(file, absl::StrCat("has ", size, " bytes; at most ", limits.bytes >> 20,
                                       " MiB are read"));
    }
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return Failed(file, absl::StrCat("cannot be read: ", std::strerror(errno)));
  // Pipes and devices have no size: ParseDocument refuses what grew over the limit.
  constexpr std::size_t kChunk = 64 << 10;
  std::string text;
  while (stream && text.size() <= limits.bytes) {
    const std::size_t held = text.size();
    text.resize(held + kChunk);
    stream.read(text.data() + held, kChunk);
    text.resize(held + static_cast<std::size_t>(stream.gcount()));
  }
  if (stream.bad()) return Failed(file, "cannot be read to its end");
  return ParseDocument(file, text, limits);
}

}  // namespace capacity::inventory
