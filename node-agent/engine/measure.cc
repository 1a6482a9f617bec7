#include "node-agent/engine/measure.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <random>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node-agent/engine/exo.h"
#include "node-agent/engine/lm_studio.h"
#include "node-agent/engine/ollama.h"
#include "node-agent/engine/openai.h"
#include "node-agent/engine/server_metrics.h"
#include "node-agent/engine/sse.h"
#include "node-agent/probe/text.h"

namespace capacity::engine {
namespace {

using Kind = Server::Kind;
using Clock = std::chrono::steady_clock;

// How a question is put.
enum class Interface { kChat, kOllama, kLmStudioV0, kLmStudioV1, kExoBench };

constexpr std::size_t kProbeWords = 8;       // of the first question, which tells tokens per word
constexpr std::uint64_t kProbeGenerate = 4;  // tokens
constexpr double kUsualTokensPerWord = 1.3;  // of English, where the server does not count
constexpr double kCutShare = 0.5;            // a prompt below this share of what was sent was cut
constexpr std::uint64_t kMostPiecesPerToken = 4;  // more, and a server does not stop where asked
constexpr std::uint64_t kMostPiecesBesides = 64;
constexpr std::chrono::milliseconds kLook{1'000};  // between looks at counters

double NowMs() {
  return std::chrono::duration<double, std::milli>(Clock::now().time_since_epoch()).count();
}

// What differs between engines when one is asked.
Interface InterfaceOf(const Server& server, std::uint32_t streams) {
  if (server.kind == Kind::kOllama) return Interface::kOllama;
  if (streams > 1) return Interface::kChat;  // the others' own do not stream
  if (server.kind == Kind::kExo) return Interface::kExoBench;
  if (server.kind != Kind::kLmStudio) return Interface::kChat;
  return server.lm_studio_v1 ? Interface::kLmStudioV1 : Interface::kLmStudioV0;
}

const char* SourceOf(Interface interface) {
  switch (interface) {
    case Interface::kChat:
      return "openai";
    case Interface::kOllama:
      return "ollama";
    case Interface::kLmStudioV0:
      return "lm-studio-v0";
    case Interface::kLmStudioV1:
      return "lm-studio-v1";
    case Interface::kExoBench:
      return "exo-bench";
  }
  return "";
}

const char* EngineOf(Kind kind) {
  switch (kind) {
    case Kind::kOpenAi:
      return "other";
    case Kind::kLlamaServer:
      return "llama.cpp";
    case Kind::kOllama:
      return "ollama";
    case Kind::kLmStudio:
      return "lm-studio";
    case Kind::kVllm:
      return "vllm";
    case Kind::kExo:
      return "exo";
    case Kind::kMlxLm:
      return "mlx";
  }
  return "other";
}

// What came where a stream should have come.
struct Beginning {
  std::string text;  // at most kLongestBeginning bytes
  std::string content_type;
};
constexpr std::size_t kLongestBeginning = 4096;

bool IsStream(std::string_view text) {
  const std::string_view first = probe::Trim(text);
  return first.empty() || first.front() == ':' || first.substr(0, 5) == "data:" ||
         first.substr(0, 6) == "event:" || first.substr(0, 3) == "id:" ||
         first.substr(0, 6) == "retry:";
}

absl::Status BrokeOff(const Endpoint& endpoint, const Beginning& beginning, std::size_t pieces) {
  if (pieces > 0 || IsStream(beginning.text)) {
    return absl::DataLossError(absl::StrCat("the server ended its answer in the middle, after ",
                                            pieces, " pieces of text"));
  }
  constexpr std::size_t kShown = 80;
  return absl::FailedPreconditionError(absl::StrCat(
      endpoint.url, ": the server did not stream its answer, it sent ",
      beginning.content_type.empty() ? "" : probe::Clean(beginning.content_type, kShown) + ": ",
      probe::Clean(endpoint.key.StruckFrom(beginning.text), kShown)));
}

// A server that does not stop at the length that it is asked for.
absl::Status Endless(std::size_t pieces, std::uint64_t asked) {
  return absl::ResourceExhaustedError(absl::StrCat("the server does not stop: ", pieces,
                                                   " pieces of text where ", asked,
                                                   " tokens were asked for"));
}

// Feeds a stream to `Reader` (lines or events) and its texts to `Stream`, until the answer is over:
// some servers hold the connection after it.
template <class Stream, class Reader>
absl::StatusOr<Answer> AskStreaming(const Endpoint& endpoint, std::string_view path,
                                    const std::string& body, std::uint64_t asked) {
  Stream stream;
  Reader reader;
  Beginning beginning;
  const std::uint64_t most = kMostPiecesPerToken * asked + kMostPiecesBesides;
  stream.answer().sent_ms = NowMs();
  const auto take = [&](std::string_view piece) {
    const double now = NowMs();
    beginning.text += piece.substr(0, kLongestBeginning - beginning.text.size());
    absl::Status fed = reader.Feed(piece, [&](std::string_view text) {
      if (stream.over()) return absl::OkStatus();
      return stream.Take(endpoint.key.StruckFromAnswer(text), now);
    });
    const std::size_t pieces = stream.answer().piece_ms.size();
    if (fed.ok() && stream.over()) fed = absl::OutOfRangeError("the answer is over");
    if (fed.ok() && pieces > most) fed = Endless(pieces, asked);
    return fed;
  };
  const absl::Status done = PostStreaming(endpoint, path, body, take, beginning.content_type);
  if (stream.over() && (done.ok() || absl::IsOutOfRange(done))) return stream.answer();
  if (!done.ok()) {
    if (stream.answer().piece_ms.empty() || !absl::IsDataLoss(done)) return done;
    return absl::DataLossError(absl::StrCat(std::string(done.message()), " after ",
                                            stream.answer().piece_ms.size(), " pieces of text"));
  }
  if (!stream.complete()) return BrokeOff(endpoint, beginning, stream.answer().piece_ms.size());
  return stream.answer();
}

using ParseAnswer = absl::StatusOr<Answer> (*)(std::string_view);

absl::StatusOr<Answer> AskWhole(const Endpoint& endpoint, std::string_view path,
                                const std::string& body, ParseAnswer parse) {
  const absl::StatusOr<std::string> text = Post(endpoint, path, body);
  if (!text.ok()) return text.status();
  absl::StatusOr<Answer> answer = parse(*text);
  if (answer.ok()) return answer;
  return absl::Status(answer.status().code(), absl::StrCat(endpoint.url, std::string(path), ": ",
                                                           std::string(answer.status().message())));
}

// One server, one way of asking.
class Talk {
 public:
  Talk(Endpoint endpoint, const Server& server, Interface interface)
      : endpoint_(std::move(endpoint)), server_(server), interface_(interface) {}

  absl::StatusOr<Answer> Ask(const Question& question) const {
    switch (interface_) {
      case Interface::kChat: {
        Endpoint chat = endpoint_;
        chat.url = server_.chat_base;
        return AskStreaming<ChatStream, SseReader>(chat, "/chat/completions", ChatRequest(question),
                                                   question.generate);
      }
      case Interface::kOllama:
        return AskStreaming<OllamaStream, LineReader>(endpoint_, "/api/generate",
                                                      OllamaRequest(question), question.generate);
      case Interface::kLmStudioV0:
        return AskWhole(endpoint_, "/api/v0/chat/completions", LmStudioV0Request(question),
                        ParseLmStudioAnswer);
      case Interface::kLmStudioV1:
        return AskWhole(endpoint_, "/api/v1/chat", LmStudioV1Request(question),
                        ParseLmStudioAnswer);
      case Interface::kExoBench:
        return AskWhole(endpoint_, "/bench/chat/completions", ExoBenchRequest(question),
                        ParseExoBench);
    }
    return absl::InternalError("no such interface");
  }

 private:
  Endpoint endpoint_;
  const Server& server_;
  Interface interface_;
};

// Makes questions, no two of them alike in any run.
class Questions {
 public:
  Questions(const Server& server, const Load& load)
      : load_(load),
        may_ignore_end_(server.kind == Kind::kLlamaServer || server.kind == Kind::kVllm),
        knows_cache_flag_(server.kind == Kind::kLlamaServer) {
    std::random_device device;
    seed_ = (std::uint64_t{device()} << 32) | device();
  }

  Question Next(std::size_t words, std::uint64_t generate) {
    return {.model = load_.model,
            .prompt = RandomPrompt(words, ++seed_),
            .generate = generate,
            .may_ignore_end = may_ignore_end_,
            .knows_cache_flag = knows_cache_flag_};
  }
  Question Next() { return Next(words_, load_.generate); }

  // Tokens of two prompts say how many each word and the template around them are.
  void Learn(std::size_t words, const Answer& answer) {
    if (!answer.prompt_tokens) return;
    const auto tokens = static_cast<double>(*answer.prompt_tokens);
    if (known_words_ > 0 && words > known_words_ && tokens > known_tokens_) {
      const double per_word = (tokens - known_tokens_) / static_cast<double>(words - known_words_);
      const double around = known_tokens_ - per_word * static_cast<double>(known_words_);
      SetWords((load_.prompt_tokens - around) / per_word);
    } else {
      known_words_ = words;
      known_tokens_ = tokens;
      // With the template counted as if it were words: rather too short than too long for the
      // server's context.
      SetWords(load_.prompt_tokens * static_cast<double>(words) / std::max(1.0, tokens));
    }
  }
  std::size_t words() const { return words_; }

 private:
  void SetWords(double words) {
    // Never far above what one token a word makes: a wrong count must not make a huge prompt.
    words_ = static_cast<std::size_t>(std::clamp(words, 1.0, 2.0 * load_.prompt_tokens));
  }

  const Load& load_;
  bool may_ignore_end_;
  bool knows_cache_flag_;
  std::uint64_t seed_ = 0;
  std::size_t words_ = static_cast<std::size_t>(
      std::max(1.0, std::round(load_.prompt_tokens / kUsualTokensPerWord)));
  std::size_t known_words_ = 0;
  double known_tokens_ = 0;
};

absl::Status WarmUp(const Talk& talk, Questions& questions) {
  const absl::StatusOr<Answer> small = talk.Ask(questions.Next(kProbeWords, kProbeGenerate));
  if (!small.ok()) return small.status();
  questions.Learn(kProbeWords, *small);
  const std::size_t words = questions.words();
  const absl::StatusOr<Answer> full = talk.Ask(questions.Next());
  if (!full.ok()) return full.status();
  questions.Learn(words, *full);
  return absl::OkStatus();
}

// `streams` questions at once; the first failure when there is one.
absl::StatusOr<std::vector<Answer>> AskTogether(const Talk& talk, Questions& questions,
                                                std::uint32_t streams) {
  std::vector<Question> asked;
  for (std::uint32_t i = 0; i < streams; ++i) asked.push_back(questions.Next());
  std::vector<absl::StatusOr<Answer>> answers(streams, absl::UnknownError("not asked"));
  std::vector<std::thread> threads;
  for (std::uint32_t i = 1; i < streams; ++i) {
    threads.emplace_back([&talk, &asked, &answers, i] { answers[i] = talk.Ask(asked[i]); });
  }
  answers[0] = talk.Ask(asked[0]);
  for (std::thread& thread : threads) thread.join();
  std::vector<Answer> wave;
  for (absl::StatusOr<Answer>& answer : answers) {
    if (!answer.ok()) return answer.status();
    wave.push_back(*std::move(answer));
  }
  return wave;
}

// mlx_lm.server says nothing of itself but its fingerprint: versions of mlx_lm and mlx, system, GPU
// ("0.28.2-0.29.3-macOS-15.6.1-arm64-arm-64bit-applegpu_g13s"). The first of them; "" of others.
std::string MlxVersionIn(const std::string& fingerprint) {
  const std::vector<std::string_view> parts = probe::Split(fingerprint, '-');
  const auto is_version = [](std::string_view text) {
    return !text.empty() && text.front() >= '0' && text.front() <= '9' &&
           probe::Contains(text, ".");
  };
  const bool is_mlx = parts.size() > 3 && is_version(parts[0]) && is_version(parts[1]) &&
                      (parts[2] == "macOS" || parts[2] == "Darwin" || parts[2] == "Linux");
  return is_mlx ? std::string(parts[0]) : "";
}

// Ollama calls "llama3.2" by its whole name "llama3.2:latest".
bool IsModel(const Server& server, const std::string& listed, const std::string& asked) {
  return listed == asked || (server.kind == Kind::kOllama && listed == asked + ":latest");
}

void Describe(const Server& server, const Load& load, Interface interface,
              agent::SpeedMeasurement& measured) {
  measured.engine = EngineOf(server.kind);
  measured.source = SourceOf(interface);
  if (!server.version.empty()) measured.engine_version = server.version;
  if (measured.model_name.empty() || !load.model.empty()) measured.model_name = load.model;
  for (const ServedModel& model : server.models) {
    if (!IsModel(server, model.listed.id, load.model)) continue;
    measured.quant_name = model.listed.quant_name;
    measured.model_bytes = model.listed.bytes;
    measured.model_parameters = model.listed.parameters;
    measured.strategy = model.strategy;
    measured.peers = model.peers;
    measured.not_comparable.insert(measured.not_comparable.end(), model.not_comparable.begin(),
                                   model.not_comparable.end());
  }
}

agent::SpeedMeasurement Summarise(const std::vector<std::vector<Answer>>& waves,
                                  const Server& server, const Load& load, Interface interface) {
  agent::SpeedMeasurement measured = Measured(waves, {.generate = load.generate});
  Describe(server, load, interface, measured);
  const std::string mlx = MlxVersionIn(waves.front().front().fingerprint);
  if (!mlx.empty() && (server.kind == Kind::kOpenAi || server.kind == Kind::kMlxLm)) {
    measured.engine = "mlx";
    measured.engine_version = mlx;
  }
  if (measured.prompt_tokens && *measured.prompt_tokens < kCutShare * load.prompt_tokens) {
    measured.not_comparable.push_back(absl::StrCat("the prompt was cut (", *measured.prompt_tokens,
                                                   " of ", load.prompt_tokens, " tokens)"));
  }
  return measured;
}

}  // namespace

std::string RandomPrompt(std::size_t words, std::uint64_t seed) {
  static constexpr std::array<const char*, 32> kWords = {
      "time",    "year",    "people",   "way",    "day",    "man",    "thing",   "woman",
      "life",    "child",   "world",    "school", "state",  "family", "student", "group",
      "country", "problem", "hand",     "part",   "place",  "case",   "week",    "company",
      "system",  "program", "question", "work",   "number", "night",  "point",   "home"};
  std::mt19937_64 chance(seed);
  std::string prompt;
  for (std::size_t i = 0; i < words; ++i) {
    absl::StrAppend(&prompt, i == 0 ? "" : " ", kWords[chance() % kWords.size()]);
  }
  return prompt;
}

Measurements MeasureServer(const Endpoint& endpoint, const Server& found, const Load& load,
                           const Progress& progress) {
  Measurements result;
  Server server = found;
  Questions questions(server, load);
  bool warm = false;
  for (const std::uint32_t streams : load.streams) {
    const Interface interface = InterfaceOf(server, streams);
    const Talk talk(endpoint, server, interface);
    if (!warm) {
      progress(absl::StrCat(NameOf(server.kind), " ", load.model, ": warming up"));
      result.ended = WarmUp(talk, questions);
      if (!result.ended.ok()) return result;
      warm = true;
      // Now it is loaded, and Ollama says where.
      if (server.kind == Kind::kOllama) server.models = LoadedInOllama(endpoint);
      result.processor_only =
          std::any_of(server.models.begin(), server.models.end(), [&](const ServedModel& model) {
            return model.on_processor && IsModel(server, model.listed.id, load.model);
          });
    }
    std::vector<std::vector<Answer>> waves;
    while (waves.size() < load.repeats && result.ended.ok()) {
      progress(absl::StrCat(NameOf(server.kind), " ", load.model, ": ", streams,
                            streams == 1 ? " stream, " : " streams, ", waves.size() + 1, " of ",
                            load.repeats));
      absl::StatusOr<std::vector<Answer>> wave = AskTogether(talk, questions, streams);
      if (wave.ok()) {
        waves.push_back(*std::move(wave));
      } else {
        result.ended = wave.status();
      }
    }
    if (!waves.empty()) result.measured.push_back(Summarise(waves, server, load, interface));
    if (!result.ended.ok()) return result;
  }
  return result;
}

absl::StatusOr<agent::SpeedMeasurement> WatchServer(const Endpoint& endpoint, const Server& server,
                                                    double seconds, const Progress& progress) {
  if (server.kind != Kind::kVllm && server.kind != Kind::kLlamaServer) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--passive: vLLM and llama-server have counters, ", NameOf(server.kind), " has none"));
  }
  std::vector<Scrape> scrapes;
  const Clock::time_point start = Clock::now();
  const auto elapsed = [start] {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  while (scrapes.size() < 2 || elapsed() < seconds) {
    if (!scrapes.empty()) {
      const auto rest = std::chrono::duration<double>(std::max(0.1, seconds - elapsed()));
      std::this_thread::sleep_for(std::min<std::chrono::duration<double>>(kLook, rest));
    }
    if (endpoint.stop != nullptr && *endpoint.stop) break;
    const absl::StatusOr<std::string> text = Get(endpoint, "/metrics");
    if (!text.ok()) {
      if (IsFromServer(text.status()) && server.kind == Kind::kLlamaServer) {
        return absl::FailedPreconditionError(absl::StrCat(std::string(text.status().message()),
                                                          "; llama-server counts with --metrics"));
      }
      return text.status();
    }
    absl::StatusOr<Metrics> metrics = ParseMetrics(*text);
    if (!metrics.ok()) return metrics.status();
    scrapes.push_back({elapsed(), *std::move(metrics), {}});
    if (server.kind == Kind::kLlamaServer) {
      const absl::StatusOr<std::string> slots = Get(endpoint, "/slots");
      if (slots.ok()) scrapes.back().context_tokens = ContextsInSlots(*slots);
    }
    progress(absl::StrCat(NameOf(server.kind), ": looking, ", std::lround(elapsed()), " of ",
                          std::lround(seconds), " s"));
  }
  absl::StatusOr<agent::SpeedMeasurement> measured =
      server.kind == Kind::kVllm ? VllmFromMetrics(scrapes) : LlamaServerFromMetrics(scrapes);
  if (!measured.ok()) return measured;
  measured->engine_version = server.version;
  if (measured->model_name.empty() && server.models.size() == 1) {
    const ListedModel& listed = server.models.front().listed;
    measured->model_name = listed.id;
    measured->quant_name = listed.quant_name;
    measured->model_bytes = listed.bytes;
    measured->model_parameters = listed.parameters;
  }
  return measured;
}

}  // namespace capacity::engine
