#include "planner/wire/live_speeds.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/base/calendar.h"
#include "planner/catalog/recognize.h"
#include "planner/fit/fit.h"
#include "planner/wire/subnet.h"

namespace capacity::wire {
namespace {

// When it was measured, as far as the node's clock can be right: not after it came here, and not
// before there was anything to measure.
std::int64_t TakenAt(const LiveSpeed& live) {
  constexpr std::int64_t kEarliest = 1'672'531'200'000;  // 2023-01-01
  const std::int64_t taken = live.measurement.taken_at_unix_ms();
  return taken < kEarliest ? live.received_at_unix_ms : std::min(taken, live.received_at_unix_ms);
}

class SpeedReader {
 public:
  SpeedReader(const catalog::Catalog& catalog, const std::vector<const v1::NodeReport*>& reports,
              const LiveFleet& fleet)
      : catalog_(catalog), fleet_(fleet) {
    for (std::size_t i = 0; i < reports.size(); ++i) {
      const int node = static_cast<int>(i);
      known_[fleet.nodes[i].name] = node;
      if (!reports[i]->hostname().empty()) known_.insert({reports[i]->hostname(), node});
      for (const v1::Port& port : reports[i]->ports()) {
        for (const std::string& address : port.addresses()) {
          known_.insert({PlainAddress(address), node});
        }
      }
    }
  }

  // The measurement in the planner's terms; else `why` says what speaks against it.
  std::optional<fleet::SpeedMeasurement> Read(int node, const LiveSpeed& live,
                                              std::string& why) const {
    const v1::SpeedMeasurement& said = live.measurement;
    if (!said.not_comparable().empty()) {
      why = said.not_comparable(0);
      return std::nullopt;
    }
    if (!said.kv_type().empty() && said.kv_type() != "f16") {
      why = absl::StrCat("its cache is of ", said.kv_type(), " cells, not of f16");
      return std::nullopt;
    }
    fleet::SpeedMeasurement out;
    if (!ReadModel(said, out, why) || !ReadNodes(node, said, out, why)) return std::nullopt;
    // llama-bench generates from an empty cache unless it says otherwise; of others it is not
    // known.
    if (said.source() != "llama-bench" && !said.has_prompt_tokens() && said.depth_tokens() == 0) {
      why = "it does not say how long the context was";
      return std::nullopt;
    }
    out.batch = static_cast<int>(std::clamp<std::uint32_t>(said.streams(), 1, kMostStreams));
    // llama-bench generates from an empty cache of the stated depth; a server after the prompt.
    const double prompt = said.source() == "llama-bench" ? 0 : said.prompt_tokens();
    out.context_tokens = Tokens(said.depth_tokens() + prompt + said.generated_tokens() / 2.0);
    out.prompt_tokens = Tokens(said.prompt_tokens());
    if (said.has_decode() && said.decode().median_tokens_per_second() > 0) {
      out.decode = TokensPerSecond{said.decode().median_tokens_per_second()};
    }
    // Prompts after a deep cache are slower, which a fleet's measurement cannot say.
    if (said.has_prefill() && said.prefill().median_tokens_per_second() > 0 &&
        said.depth_tokens() == 0 && said.prompt_tokens() > 0) {
      out.prefill = TokensPerSecond{said.prefill().median_tokens_per_second()};
    }
    if (!out.decode && !out.prefill) {
      why = "it holds no speed at a depth that can be compared";
      return std::nullopt;
    }
    out.as_of = CalendarDay(TakenAt(live));
    return out;
  }

 private:
  static constexpr std::uint32_t kMostStreams = 4096;

  static int Tokens(double count) {
    constexpr double kMost = 1e8;
    return static_cast<int>(std::min(count, kMost));
  }

  bool ReadModel(const v1::SpeedMeasurement& said, fleet::SpeedMeasurement& out,
                 std::string& why) const {
    catalog::SeenModel seen{said.engine(), said.model_name(), said.quant_name(), {}, {}};
    if (said.has_model_parameters()) seen.parameters = said.model_parameters();
    if (said.has_model_bytes()) seen.bytes = said.model_bytes();
    seen.stated_model = catalog_.FindModel(said.model());
    seen.stated_quant = catalog_.FindQuantization(said.quant());
    if (!said.model().empty() && seen.stated_model == nullptr) {
      why = absl::StrCat("the catalogue has no model ", said.model());
      return false;
    }
    if (!said.quant().empty() && seen.stated_quant == nullptr) {
      why = absl::StrCat("the catalogue has no quantization ", said.quant());
      return false;
    }
    const catalog::Recognized recognized = catalog::Recognize(
        catalog_, seen,
        [this](const catalog::Model& model, const catalog::Quantization& quant,
               catalog::Engine engine) -> std::optional<Bytes> {
          const auto bytes = fit::ModelWeightBytes(catalog_, model, quant, engine);
          return bytes.ok() ? std::optional(bytes->bytes) : std::nullopt;
        });
    out.model = recognized.model;
    out.quant = recognized.quant;
    out.engine = catalog::ParseEngine(said.engine()).value_or(catalog::Engine::kOther);
    if (out.model != nullptr && out.quant != nullptr) return true;
    why = recognized.why;
    const bool stated = out.model == nullptr ? seen.stated_model != nullptr : !said.quant().empty();
    if (!stated) {
      absl::StrAppend(&why, "; node-agent bench --catalog-",
                      out.model == nullptr ? "model" : "quant", " says which it is");
    }
    return false;
  }

  bool ReadNodes(int node, const v1::SpeedMeasurement& said, fleet::SpeedMeasurement& out,
                 std::string& why) const {
    std::set<int> nodes = {node};
    for (const std::string& peer : said.peers()) {
      std::string host =
          peer.substr(0, peer.rfind(':') == peer.find(':') ? peer.rfind(':') : std::string::npos);
      auto found = known_.find(host);
      if (found == known_.end()) found = known_.find(PlainAddress(host));
      if (found == known_.end()) {
        why = absl::StrCat("no node of the fleet is ", peer);
        return false;
      }
      nodes.insert(found->second);
    }
    out.nodes.assign(nodes.begin(), nodes.end());
    if (nodes.size() == 1) {
      // Only llama-bench knows how it dealt the cards of one machine; of others the engine's habit
      // is the better guess than what is said of every machine.
      const bool cards = fleet_.nodes[static_cast<std::size_t>(node)].cards() > 1;
      const bool dealt = said.strategy() == "tensor" || said.strategy() == "pipeline";
      if (cards && dealt) out.strategy = said.strategy();
      if (cards && said.strategy() == "single" && said.source() == "llama-bench") {
        out.strategy = "single";
      }
      return true;
    }
    out.strategy = said.strategy() == "tensor" ? "tensor" : "pipeline";
    out.link = LinkOf(out);
    if (out.link != nullptr) return true;
    why = "no link is known among the machines that took part";
    return false;
  }

  // llama.cpp speaks TCP; the others the fastest that joins them all, which is found first.
  const catalog::Link* LinkOf(const fleet::SpeedMeasurement& measured) const {
    for (const NamedLinks& links : fleet_.links) {
      const std::vector<int>& members = links.group.members;
      const bool all = std::includes(members.begin(), members.end(), measured.nodes.begin(),
                                     measured.nodes.end());
      const bool tcp = links.group.link->transport == catalog::Transport::kTcp;
      if (all && (tcp || measured.engine != catalog::Engine::kLlamaCpp)) return links.group.link;
    }
    return nullptr;
  }

  const catalog::Catalog& catalog_;
  const LiveFleet& fleet_;
  std::map<std::string, int> known_;  // by name, hostname and address
};

}  // namespace

void FindSpeeds(const catalog::Catalog& catalog, const std::vector<const v1::NodeReport*>& reports,
                const std::vector<std::string>& node_ids, const std::vector<LiveSpeed>& measured,
                LiveFleet& fleet) {
  const SpeedReader reader(catalog, reports, fleet);
  using Configuration = std::tuple<std::vector<int>, std::string, std::string, catalog::Engine,
                                   std::string, int, int, int>;
  std::map<Configuration, std::pair<std::int64_t, fleet::SpeedMeasurement>> newest;
  std::map<std::string, std::string> notes;  // by what was measured, so that repeats are one
  for (const LiveSpeed& live : measured) {
    const auto node = std::find(node_ids.begin(), node_ids.end(), live.node_id);
    if (node == node_ids.end()) continue;
    const int index = static_cast<int>(node - node_ids.begin());
    std::string why;
    std::optional<fleet::SpeedMeasurement> read = reader.Read(index, live, why);
    if (!read) {
      const std::string& name = live.measurement.model_name();
      notes[absl::StrCat(fleet.nodes[static_cast<std::size_t>(index)].name, ": ",
                         name.empty() ? live.measurement.model() : name, " on ",
                         live.measurement.engine())] = why;
      continue;
    }
    const Configuration key(read->nodes, read->model->id, read->quant->id, read->engine,
                            read->strategy, read->batch, read->context_tokens, read->prompt_tokens);
    const auto known = newest.find(key);
    if (known != newest.end() && known->second.first > TakenAt(live)) continue;
    newest.insert_or_assign(key, std::pair(TakenAt(live), *std::move(read)));
  }
  for (auto& [configuration, entry] : newest) fleet.speeds.push_back(std::move(entry.second));
  for (const auto& [what, why] : notes) {
    fleet.speed_notes.push_back(absl::StrCat(what, ": ", why));
  }
}

}  // namespace capacity::wire
