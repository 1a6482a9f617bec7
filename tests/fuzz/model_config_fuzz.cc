// libFuzzer: config.json, the index of shards, the tensors of two shards and ModelOpt's config, as
// the model that they make. The input is the five texts with zero bytes between them; the shards'
// data are imagined, so that any offsets can lie inside.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "planner/modelfile/composed.h"

namespace {

using namespace capacity::modelfile;

void Require(bool holds) {
  if (!holds) std::abort();
}

// Nothing that a terminal could obey.
void RequireHarmless(std::string_view text) {
  for (const char c : text) Require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}
void RequireHarmless(const absl::Status& status) { RequireHarmless(std::string(status.message())); }

// A safetensors file of 1 EiB: a length, a header, zeros.
class ImaginedShard : public ByteSource {
 public:
  ImaginedShard(std::string name, std::string_view header) : name_(std::move(name)) {
    for (int i = 0; i < 8; ++i) start_ += static_cast<char>(header.size() >> (8 * i) & 0xff);
    start_ += header;
  }

  const std::string& name() const override { return name_; }
  std::uint64_t size() const override { return std::uint64_t{1} << 60; }
  absl::Status Read(std::uint64_t offset, char* out, std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = offset + i < start_.size() ? start_[static_cast<std::size_t>(offset + i)] : '\0';
    }
    return absl::OkStatus();
  }

 private:
  std::string name_;
  std::string start_;
};

class Imagined : public Folder {
 public:
  explicit Imagined(std::string_view input) : path_("fuzz") {
    for (const char* name : {"config.json", "model.safetensors.index.json", "a.safetensors",
                             "b.safetensors", "hf_quant_config.json"}) {
      const std::size_t end = input.find('\0');
      files_[name] = input.substr(0, end);
      input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
    }
    for (auto it = files_.begin(); it != files_.end();) {
      it = it->second.empty() && it->first != "config.json" ? files_.erase(it) : std::next(it);
    }
  }

  const std::string& path() const override { return path_; }
  absl::StatusOr<std::unique_ptr<ByteSource>> Open(const std::string& name) override {
    const auto held = files_.find(name);
    const std::string path = path_ + "/" + name;
    if (held == files_.end()) return absl::NotFoundError(path + ": none");
    if (name.find(".json") != std::string::npos) {
      return std::make_unique<MemorySource>(path, held->second);
    }
    return std::make_unique<ImaginedShard>(path, held->second);
  }
  absl::StatusOr<std::vector<std::string>> List() override {
    std::vector<std::string> names;
    for (const auto& [name, text] : files_) names.push_back(name);
    return names;
  }

 private:
  std::string path_;
  std::map<std::string, std::string_view> files_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const capacity::catalog::Catalog catalog;
  Imagined folder({reinterpret_cast<const char*>(data), size});
  auto facts = CheckpointFacts(folder);
  if (!facts.ok()) {
    Require(facts.status().message().find("fuzz") == 0);
    RequireHarmless(facts.status());
    return 0;
  }
  const auto description = Compose(*std::move(facts), "fuzz", "fuzz", catalog);
  if (!description.ok()) {
    RequireHarmless(description.status());
    return 0;
  }
  for (const std::string& warning : description->warnings) RequireHarmless(warning);
  RequireHarmless(description->name + description->architecture + description->quantization);
  for (const auto& total : description->classes) {
    Require(total.parameters >= 0 && total.parameters < 1e30);
  }
  Require(description->model.kv_cache.layers.size() == description->layers.size());
  Require(description->artifact.bytes.count >= 0);
  return 0;
}
