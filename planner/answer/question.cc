#include "planner/answer/question.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/base/parse.h"

namespace capacity::answer {

std::string Unknown(const char* what, const std::string& name,
                    const std::vector<std::string>& known) {
  std::string right = DidYouMean(name, known);
  constexpr std::size_t kShortList = 12;
  if (right.empty() && known.size() <= kShortList) {
    right = absl::StrCat("one of ", absl::StrJoin(known, ", "));
  }
  if (right.empty()) {
    // "quantization" is `catalog quants`; the other topics are called like what they list.
    const std::string topic = std::string(what) == "quantization" ? "quant" : what;
    right = absl::StrCat("`planner catalog ", topic, "s` lists them");
  }
  return absl::StrCat("unknown ", what, " \"", name, "\"; ", right);
}

absl::StatusOr<placement::Load> MakeLoad(const catalog::Catalog& catalog, int context_tokens,
                                         int prompt_tokens, int streams,
                                         const std::string& kv_type) {
  placement::Load load;
  load.context_tokens = context_tokens;
  load.prompt_tokens = prompt_tokens;
  load.concurrency = streams;
  std::vector<std::string> known;
  for (const catalog::KvCacheType& type : catalog.kv_cache_types) {
    if (catalog::NormalizeId(type.id) == catalog::NormalizeId(kv_type)) {
      load.kv_bits = type.bits;
      load.kv_engines = type.engines;
      return load;
    }
    known.push_back(type.id);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown type \"", kv_type, "\"; one of ", absl::StrJoin(known, ", ")));
}

}  // namespace capacity::answer
