#include "node-agent/reporter/run.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "node-agent/reporter/backoff.h"
#include "node-agent/reporter/connection.h"
#include "node-agent/reporter/failure.h"
#include "node-agent/reporter/inbox.h"
#include "node-agent/reporter/said.h"
#include "node-agent/reporter/state.h"
#include "node-agent/reporter/wire.h"
#include "planner/base/host_name.h"
#include "planner/pki/certificate.h"
#include "planner/pki/token.h"

namespace capacity::reporter {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds kFirstContact{10'000};
constexpr Milliseconds kStranger{2'000};  // to show a certificate, for one that was only found
constexpr std::size_t kMostStrangers = 16;
constexpr Milliseconds kRetryToKeep{60'000};  // when the disk refuses a report
constexpr Milliseconds kShortestHeartbeat{1'000};
constexpr Milliseconds kLongestHeartbeat{60 * 60'000};

// The planner takes requests of 256 KiB; this leaves room for what is around the report.
constexpr std::size_t kMaxReportBytes = 250 * 1024;

class Agent {
 public:
  Agent(const Settings& settings, const World& world, Stop& stop, const State& state, Spool spool)
      : settings_(settings),
        world_(world),
        stop_(stop),
        state_(state),
        spool_(std::move(spool)),
        inbox_(settings.state_directory),
        planner_(settings.planner ? settings.planner : state.LoadPlanner()),
        measured_(ParseMeasured(state.LoadMeasured())),
        boot_id_(state.NextBootId(world.clock())),
        heartbeat_(settings.heartbeat),
        links_({.readiness = world.readiness,
                .clock = world.clock,
                .log = [&world](const std::string& text) { world.log(Severity::kInfo, text); },
                .boot_id = boot_id_,
                .next_sequence = [this] { return ++measurement_sequence_; }}) {}

  ~Agent() {
    if (connection_ != nullptr) connection_->Cancel();
    stop_.SetCancel(nullptr);
  }

  absl::Status Run() {
    if (absl::Status loaded = LoadMembership(); !loaded.ok()) return loaded;
    while (!stop_.requested()) {
      if (IsDue(next_probe_)) LookForChanges();
      if (IsDue(blocked_until_)) {
        if (absl::Status end = TalkToPlanner(); !end.ok()) return end;
      }
      stop_.WaitFor(UntilSomethingIsDue());
    }
    return absl::OkStatus();
  }

 private:
  static bool IsDue(SteadyClock::time_point time) { return SteadyClock::now() >= time; }

  Milliseconds UntilSomethingIsDue() const {
    const auto word = paused_ ? std::min(paused_until_, next_heartbeat_) : next_heartbeat_;
    const auto talk = std::max(blocked_until_, word);
    const auto left = std::min(talk, next_probe_) - SteadyClock::now();
    return std::max(std::chrono::duration_cast<Milliseconds>(left) + Milliseconds(1),
                    Milliseconds(1));
  }

  std::int64_t PlannerNow() const { return world_.clock() + planner_ahead_ms_; }

  // ---------------------------------------------------------------- reports

  void LookForChanges() {
    const SteadyClock::time_point now = SteadyClock::now();
    next_probe_ = now + settings_.probe;
    auto report = world_.report();
    if (!report.ok()) {
      return SayOnce(look_problems_, Severity::kWarning,
                     absl::StrCat("this machine cannot be looked at: ",
                                  std::string(report.status().message())));
    }
    look_problems_.Clear();
    // What was measured before counts until it is measured again.
    if (looked_) MeasureIfDue();
    looked_ = true;
    report->memory_bandwidths = measured_;
    const bool unchanged = newest_ && SameFacts(*newest_, *report);
    if (unchanged && !IsDue(next_report_)) return;
    if (!Keep(*report)) {
      next_probe_ = now + std::min(settings_.probe, kRetryToKeep);
      return;
    }
    newest_ = *std::move(report);
    next_report_ = now + settings_.report;
  }

  void MeasureIfDue() {
    std::int64_t newest = 0;
    for (const auto& one : measured_) newest = std::max(newest, one.taken_at_unix_ms);
    if (!world_.measure || world_.clock() - newest < settings_.measure.count()) return;
    auto measured = world_.measure();
    if (absl::IsFailedPrecondition(measured.status())) return;  // busy: at the next look
    if (!measured.ok()) {
      return SayOnce(measure_problems_, Severity::kWarning,
                     std::string(measured.status().message()));
    }
    measure_problems_.Clear();
    measured_ = *std::move(measured);
    world_.log(Severity::kInfo, "measured the memory's bandwidth");
    if (absl::Status saved = state_.SaveMeasured(SerializeMeasured(measured_)); !saved.ok()) {
      world_.log(Severity::kWarning, std::string(saved.message()));
    }
  }

  // On disk before it is sent for the first time.
  bool Keep(const agent::Report& report) {
    const Entry entry = {boot_id_, report_sequence_ + 1, Serialize(report)};
    keeps_ = false;
    if (entry.bytes.size() > kMaxReportBytes) {
      SayOnce(
          keep_problems_, Severity::kError,
          absl::StrCat("the report has ", entry.bytes.size(), " bytes, more than a planner takes"));
      return false;
    }
    const std::uint64_t dropped = spool_.dropped();
    if (absl::Status kept = spool_.Append(entry); !kept.ok()) {
      SayOnce(keep_problems_, Severity::kWarning,
              absl::StrCat("a report cannot be kept, nor sent: ", std::string(kept.message())));
      return false;
    }
    keeps_ = true;
    ++report_sequence_;
    if (spool_.dropped() == dropped) {
      keep_problems_.Clear();
    } else {
      SayOnce(keep_problems_, Severity::kWarning,
              "the spool is full: for each new report the oldest is dropped");
    }
    return true;
  }

  void SayOnce(Said& said, Severity severity, const std::string& text) {
    if (said.IsFirst(text)) world_.log(severity, text);
  }

  // ---------------------------------------------------------------- talking

  absl::Status TalkToPlanner() {
    absl::Status status = Converse();
    if (!status.ok() && MayUseToken() && TokenHelps(status)) {
      rejoin_ = token_tried_ = true;
      status = Converse();
    }
    if (stop_.requested()) return absl::OkStatus();
    if (!status.ok()) status = Reason(status);
    if (!status.ok() && !enrolled_before_ && EndsEnrolment(status)) return status;
    if (status.ok()) {
      Succeeded();
    } else if (const auto pause = PauseIn(status)) {
      WaitAsAsked(status, *pause);
    } else {
      Failed(status);
    }
    return absl::OkStatus();
  }

  absl::Status Converse() {
    absl::Status status = Locate();
    if (status.ok() && !Member()) status = Enrol();
    if (status.ok()) status = RenewIfDue();
    if (status.ok()) status = DeliverWhatWaits();
    if (status.ok() && IsDue(next_heartbeat_)) status = Beat();
    return status;
  }

  void Succeeded() {
    if (failures_ > 0 && !planner_problems_.empty()) {
      world_.log(Severity::kInfo, "the planner is reached again");
    }
    failures_ = 0;
    token_tried_ = false;
    planner_problems_.Clear();
  }

  // Many nodes may share the limit that was met.
  void WaitAsAsked(const absl::Status& status, Milliseconds pause) {
    blocked_until_ = SteadyClock::now() + std::max(pause, BackOff(1, Random()));
    SayOnce(planner_problems_, Severity::kInfo,
            absl::StrCat("the planner has much to do (", std::string(status.message()),
                         "): it is asked again when it wants"));
  }

  void Failed(const absl::Status& status) {
    ++failures_;
    const auto asked = RetryDelayOf(status);
    const bool hopeless = IsNoMember(status) || EndsEnrolment(status);
    const Milliseconds own = BackOff(hopeless ? 100 : failures_, Random());
    blocked_until_ = SteadyClock::now() + std::max(own, asked.value_or(Milliseconds(0)));
    // A planner that is restarted is back at once; whoever tries again sees more, if it is not.
    if (failures_ > 1 || !ConnectionBroke(status)) {
      SayOnce(planner_problems_, hopeless ? Severity::kError : Severity::kWarning, Explain(status));
    }
    next_heartbeat_ = {};  // whether the planner is back, a sign of life finds out
    // Once with a new enrolment, once with the old one, in turn: either may be what helps.
    if (rejoin_) {
      rejoin_ = !hopeless;
    } else {
      rejoin_ = IsNoMember(status) && SpeaksPlaintext();
      token_tried_ = false;
    }
  }

  // gRPC says only that there is no connection; who looks at it can say more.
  absl::Status Reason(const absl::Status& status) const {
    if (!NobodyIsReached(status) || IsHere(status) || !planner_) return status;
    if (SpeaksPlaintext()) {
      if (SpeaksTls(*planner_, kStranger)) {
        return absl::InvalidArgumentError(
            absl::StrCat("the planner at ", Format(*planner_),
                         " speaks TLS only, also to its own machine: a join token is needed "
                         "(planner token create prints one)"));
      }
      if (!absl::StrContains(status.message(), "parsing HTTP/2")) return status;  // gRPC's words
      return absl::UnavailableError(absl::StrCat("who answers at ", Format(*planner_),
                                                 " does not speak gRPC (is it a planner, and its "
                                                 "port?)"));
    }
    const auto wanted = WantedFirst();
    if (!wanted.ok()) return status;
    const auto seen = FetchAuthority(*planner_, *wanted, world_.clock(), kStranger);
    if (seen.ok()) return status;
    const std::string why(seen.status().message());
    if (!absl::IsPermissionDenied(seen.status())) return absl::UnavailableError(why);
    return absl::UnavailableError(
        absl::StrCat(why,
                     " (if the planner was set up anew, this node needs a join token of the "
                     "new one: planner token create)"));
  }

  bool SpeaksPlaintext() const {
    return settings_.join_token.empty() && membership_.certificate_pem.empty();
  }

  // There is one, and since the old enrolment was last tried it was not.
  bool MayUseToken() const {
    return enrolled_before_ && !rejoin_ && !token_tried_ && !settings_.join_token.empty() &&
           !stop_.requested();
  }

  // Whether `status` says that this node needs a new enrolment, and says so.
  bool TokenHelps(const absl::Status& status) {
    if (IsHere(status)) return false;
    if (IsNoMember(status)) {
      SayThatTokenIsUsed(absl::StrCat(WhatMembershipLacks(status), ")"));
      return true;
    }
    if (!NobodyIsReached(status) || !planner_) return false;
    if (CertificateIsOver()) {
      SayThatTokenIsUsed("this node's certificate has expired");
      return true;
    }
    const auto maker = MakerOfToken();
    if (!maker.ok() || !IsOtherPlanner(*maker)) return false;
    if (!FetchAuthority(*planner_, *maker, world_.clock(), kStranger).ok()) return false;
    SayThatTokenIsUsed(absl::StrCat("who answers at ", Format(*planner_),
                                    " is not the planner that enrolled this node, but the one that "
                                    "made the join token"));
    return true;
  }

  void SayThatTokenIsUsed(const std::string& why) {
    SayOnce(planner_problems_, Severity::kInfo,
            absl::StrCat(why, ": enrolling with the join token"));
  }

  std::string Explain(const absl::Status& status) const {
    const std::string said(status.message());
    if (IsHere(status)) {
      return absl::StrCat("the planner is not told: ", said, "; tried again until it works");
    }
    if (rejoin_ && EndsEnrolment(status)) {
      return absl::StrCat("this node cannot be enrolled again: ", said);
    }
    if (CertificateIsOver()) {
      return "this node's certificate has expired: enrol again with a new join token (planner "
             "token create)";
    }
    if (IsNoMember(status)) {
      return absl::StrCat(WhatMembershipLacks(status), "): enrol again with a new join token");
    }
    return absl::StrCat(
        "the planner cannot be told: ", said,
        keeps_ ? "; reports are kept until it can" : "; reports cannot be kept meanwhile");
  }

  double Random() { return std::uniform_real_distribution<double>(0, 1)(random_); }

  absl::Status DeliverWhatWaits() {
    if (!IsDue(paused_until_)) return absl::OkStatus();
    paused_ = false;
    absl::Status status = Deliver();
    SayLosses();
    if (status.ok() && !paused_) status = DeliverSpeeds();
    if (status.ok() && !paused_ && std::exchange(pause_said_, false)) {
      world_.log(Severity::kInfo, "what waited is delivered");
    }
    return status;
  }

  // More waits than the planner takes at once.
  void Pause(Milliseconds pause) {
    paused_ = true;
    paused_until_ = SteadyClock::now() + pause;
    if (std::exchange(pause_said_, true)) return;
    world_.log(Severity::kInfo,
               absl::StrCat("the planner takes what waits bit by bit; left now: ", spool_.size(),
                            " reports, ", inbox_.Waiting().size(), " measurements"));
  }

  absl::Status Deliver() {
    // The first sign of life may wait for what the planner does not know yet, but not for long.
    const auto first_heartbeat = SteadyClock::now() + heartbeat_;
    while (!stop_.requested()) {
      const bool alive = next_heartbeat_ != SteadyClock::time_point{};
      if (IsDue(alive ? next_heartbeat_ : first_heartbeat)) {
        if (absl::Status status = Beat(); !status.ok()) return status;
      }
      const std::optional<Entry> entry = spool_.Front();
      if (!entry) return absl::OkStatus();
      const auto received = connection_->SendReport(membership_.node_id, *entry);
      if (const auto pause = PauseIn(received.status())) {
        Pause(*pause);
        return absl::OkStatus();
      }
      if (absl::IsInvalidArgument(received.status())) {
        world_.log(Severity::kError, absl::StrCat("the planner does not understand a report, which "
                                                  "is dropped: ",
                                                  std::string(received.status().message())));
      } else if (!received.ok()) {
        return received.status();
      } else {
        NotePlannerClock(*received);
        acknowledged_ = {entry->boot_id, entry->sequence};
      }
      if (absl::Status removed = spool_.RemoveFront(); !removed.ok()) return Here(removed);
    }
    return absl::OkStatus();
  }

  void SayLosses() {
    const Spool::Losses losses = spool_.TakeLosses();
    if (losses.first.empty()) return;
    std::vector<std::string> kinds;
    if (losses.damaged > 0) kinds.push_back(absl::StrCat(losses.damaged, " damaged and dropped"));
    if (losses.unreadable > 0) {
      kinds.push_back(absl::StrCat(losses.unreadable, " unreadable and left for the next start"));
    }
    world_.log(Severity::kWarning,
               absl::StrCat("not all reports that waited can be sent: ", absl::StrJoin(kinds, ", "),
                            " (", losses.first, ")"));
  }

  // What `node-agent bench` measured, whenever that was.
  absl::Status DeliverSpeeds() {
    for (const std::string& name : inbox_.Waiting()) {
      if (stop_.requested()) break;
      if (IsDue(next_heartbeat_) && next_heartbeat_ != SteadyClock::time_point{}) {
        if (absl::Status status = Beat(); !status.ok()) return status;
      }
      const absl::Status status = DeliverSpeed(name);
      if (const auto pause = PauseIn(status)) {
        Pause(*pause);
        return absl::OkStatus();
      }
      if (!status.ok()) return status;
      speed_sequences_.erase(name);
    }
    return absl::OkStatus();
  }

  absl::Status DeliverSpeed(const std::string& name) {
    const auto bytes = inbox_.Read(name);
    if (absl::IsNotFound(bytes.status())) return absl::OkStatus();
    if (absl::IsInvalidArgument(bytes.status())) return SetAside(name, bytes.status());
    if (!bytes.ok()) {
      // Neither the planner's fault nor a reason to keep the others waiting.
      const std::string why(bytes.status().message());
      SayOnce(unreadable_, Severity::kWarning, why);
      return absl::OkStatus();
    }
    std::uint64_t& sequence = speed_sequences_[name];
    if (sequence == 0) sequence = ++measurement_sequence_;
    const absl::Status sent =
        connection_->SendSpeed(membership_.node_id, boot_id_, sequence, *bytes);
    if (absl::IsInvalidArgument(sent)) return SetAside(name, sent);
    if (!sent.ok()) return sent;
    if (const auto speed = ParseSpeed(*bytes)) {
      world_.log(Severity::kInfo, absl::StrCat("told the planner how fast ", speed->engine,
                                               " runs ", speed->model_name));
    }
    return Here(inbox_.RemoveIf(name, *bytes));
  }

  absl::Status SetAside(const std::string& name, const absl::Status& why) {
    world_.log(
        Severity::kError,
        absl::StrCat("the planner does not understand a measurement, which is set aside as ",
                     inbox_.directory(), "/", name, ".refused: ", std::string(why.message())));
    return Here(inbox_.SetAside(name));
  }

  absl::Status Beat() {
    const Vitals vitals = world_.vitals();
    const auto answer = connection_->SendPulse(
        membership_.node_id, {.boot_id = boot_id_,
                              .sequence = ++pulse_sequence_,
                              .sent_at_unix_ms = world_.clock(),
                              .available_memory_bytes = vitals.available_memory_bytes,
                              .load_average = vitals.load_average,
                              .report_boot_id = acknowledged_.first,
                              .report_sequence = acknowledged_.second,
                              .spooled_reports = spool_.size(),
                              .dropped_reports = spool_.dropped(),
                              .busy = links_.busy()});
    const auto pause = PauseIn(answer.status());
    next_heartbeat_ = SteadyClock::now() + std::max(heartbeat_, pause.value_or(heartbeat_));
    if (pause) return absl::OkStatus();
    if (!answer.ok()) return answer.status();
    NotePlannerClock(answer->received_at_unix_ms);
    if (answer->next > Milliseconds(0)) {
      heartbeat_ = std::clamp(answer->next, kShortestHeartbeat, kLongestHeartbeat);
    }
    if (answer->task_waiting && world_.readiness) links_.Begin(connection_, membership_.node_id);
    if (answer->report_wanted) {
      next_report_ = SteadyClock::now();
      next_probe_ = next_report_;
    }
    return absl::OkStatus();
  }

  void NotePlannerClock(std::int64_t planner_unix_ms) {
    if (planner_unix_ms > 0) planner_ahead_ms_ = planner_unix_ms - world_.clock();
  }

  // ---------------------------------------------------------------- membership

  // Nobody is trusted with plaintext who was only found.
  bool MayBePlaintext() const { return settings_.planner && IsLoopback(settings_.planner->host); }

  absl::Status LoadMembership() {
    auto kept = state_.LoadMembership();
    if (!kept.ok()) return kept.status();
    const bool token = !settings_.join_token.empty();
    if (!*kept && !token && !MayBePlaintext()) {
      return absl::InvalidArgumentError(
          "a join token is needed the first time (planner token create prints one); without one, "
          "only a planner on this very machine is talked to");
    }
    // An enrolment in plaintext is given up for one with a token.
    const bool plaintext = *kept && (*kept)->certificate_pem.empty();
    if (!*kept || (plaintext && (token || !MayBePlaintext()))) {
      if (token || MayBePlaintext()) return absl::OkStatus();
      return absl::InvalidArgumentError(
          "this node was enrolled in plaintext, which is for this machine only: give a join token");
    }
    if (absl::Status good = state_.CheckMembership(**kept); !good.ok()) {
      if (!token) return good;
      world_.log(Severity::kWarning, absl::StrCat(std::string(good.message()), "; enrolling anew"));
      return absl::OkStatus();
    }
    enrolled_before_ = true;
    WarnOfOtherName();
    if (planner_) return Adopt(**std::move(kept));
    membership_ = **std::move(kept);
    return absl::OkStatus();
  }

  void WarnOfOtherName() const {
    const std::string enrolled = state_.LoadName();
    if (!settings_.name_is_stated || enrolled.empty() || enrolled == settings_.name) return;
    world_.log(Severity::kWarning,
               absl::StrCat("this node was enrolled as ", enrolled,
                            ": --name counts the first time only; `planner rename` gives a node "
                            "another name"));
  }

  absl::StatusOr<Wanted> MakerOfToken() const {
    const auto token = pki::ParseJoinToken(settings_.join_token);
    if (!token.ok()) return token.status();
    return Wanted{token->authority_fingerprint, "the planner that made the join token"};
  }

  bool IsOtherPlanner(const Wanted& wanted) const {
    const auto mine = pki::AuthorityFingerprint(membership_.authority_pem);
    return !mine.ok() || *mine != wanted.fingerprint;
  }

  // Whose planner this node belongs to, or wants to.
  absl::StatusOr<Wanted> WantedFirst() const {
    if (!settings_.join_token.empty() && (rejoin_ || membership_.authority_pem.empty())) {
      return MakerOfToken();
    }
    auto fingerprint = pki::AuthorityFingerprint(membership_.authority_pem);
    if (!fingerprint.ok()) return fingerprint.status();
    return Wanted{*std::move(fingerprint), "the planner that enrolled this node"};
  }

  // Without an address that was given: looks around until the planner is found, and again whenever
  // it does not answer.
  absl::Status Locate() {
    if (settings_.planner || (planner_ && failures_ == 0)) return absl::OkStatus();
    const auto wanted = WantedFirst();
    if (!wanted.ok()) return wanted.status();
    const auto found = world_.find ? world_.find() : std::vector<Address>{};
    if (found.ok()) {
      if (const auto address = Among(*found, *wanted)) return MoveTo(*address);
      if (const auto address = MakerOfTokenAmong(*found)) return MoveTo(*address);
    }
    if (planner_) return absl::OkStatus();  // it may come back where it was
    const std::string why =
        !found.ok() ? std::string(found.status().message())
                    : absl::StrCat(found->size(), found->size() == 1 ? " planner" : " planners",
                                   " on the local network, none with the authority that this node "
                                   "knows");
    return absl::UnavailableError(
        absl::StrCat("it is not found (", why, "); --planner HOST:PORT names it"));
  }

  std::optional<Address> Among(const std::vector<Address>& found, const Wanted& wanted) const {
    for (std::size_t i = 0; i < std::min(found.size(), kMostStrangers); ++i) {
      if (stop_.requested()) break;
      if (FetchAuthority(found[i], wanted, world_.clock(), kStranger).ok()) return found[i];
    }
    return std::nullopt;
  }

  // When this node's own planner is not there any more, and the token is another's: that one's.
  std::optional<Address> MakerOfTokenAmong(const std::vector<Address>& found) {
    if (!MayUseToken()) return std::nullopt;
    const auto maker = MakerOfToken();
    if (!maker.ok() || !IsOtherPlanner(*maker)) return std::nullopt;
    const auto address = Among(found, *maker);
    if (!address) return std::nullopt;
    SayThatTokenIsUsed(
        "the planner that enrolled this node is not found, but the one that made "
        "the join token");
    rejoin_ = token_tried_ = true;
    return address;
  }

  absl::Status MoveTo(const Address& address) {
    if (planner_ == address) return absl::OkStatus();
    planner_ = address;
    world_.log(Severity::kInfo, absl::StrCat("found the planner at ", Format(address)));
    if (absl::Status saved = state_.SavePlanner(address); !saved.ok()) {
      world_.log(Severity::kWarning, std::string(saved.message()));
    }
    return enrolled_before_ ? Adopt(membership_) : absl::OkStatus();
  }

  bool Member() const { return connection_ != nullptr && !rejoin_; }

  absl::Status Adopt(Membership membership) {
    membership_ = std::move(membership);
    if (membership_.certificate_pem.empty()) {
      Connect(Connection::Plaintext(*planner_));
      return absl::OkStatus();
    }
    const auto key = state_.Key();
    if (!key.ok()) return Here(key.status());
    const auto identity = pki::ParseCertificate(membership_.certificate_pem);
    if (!identity.ok()) return identity.status();
    certificate_ = *identity;
    Connect(Connection::Secured(*planner_, membership_.authority_pem, membership_.certificate_pem,
                                *key));
    return absl::OkStatus();
  }

  void Connect(std::unique_ptr<Connection> connection) {
    connection_ = std::move(connection);
    LetStopCancel(connection_);
  }

  void LetStopCancel(const std::shared_ptr<Connection>& connection) {
    stop_.SetCancel([connection] { connection->Cancel(); });
    if (stop_.requested()) connection->Cancel();
  }

  absl::Status Enrol() {
    auto membership = settings_.join_token.empty() ? EnrolInPlaintext() : EnrolWithToken();
    if (!membership.ok()) return InWordsOfOptions(membership.status());
    if (absl::Status saved = state_.SaveMembership(*membership); !saved.ok()) return Here(saved);
    state_.SaveName(settings_.name).IgnoreError();  // only to warn of another one
    if (absl::Status adopted = Adopt(*std::move(membership)); !adopted.ok()) return adopted;
    state_.SavePlanner(*planner_).IgnoreError();  // then it need not be named, nor found, again
    enrolled_before_ = true;
    rejoin_ = false;
    world_.log(Severity::kInfo,
               absl::StrCat("enrolled as ", settings_.name, " (node ", membership_.node_id, ")"));
    return absl::OkStatus();
  }

  absl::StatusOr<Membership> EnrolInPlaintext() {
    const std::shared_ptr<Connection> connection = Connection::Plaintext(*planner_);
    LetStopCancel(connection);
    return connection->Enrol({.node_name = settings_.name, .agent_version = world_.agent_version});
  }

  absl::StatusOr<Membership> EnrolWithToken() {
    const auto token = pki::ParseJoinToken(settings_.join_token);
    if (!token.ok()) return token.status();
    const auto key = state_.Key();
    if (!key.ok()) return Here(key.status());
    const auto request = pki::CreateSigningRequest(*key);
    if (!request.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          settings_.state_directory, "/node.key: ", std::string(request.status().message()),
          "; remove the file, then a new one is made"));
    }
    const auto maker = MakerOfToken();
    if (!maker.ok()) return maker.status();
    const auto authority = FetchAuthority(*planner_, *maker, world_.clock(), kFirstContact);
    if (!authority.ok()) return authority.status();
    const std::shared_ptr<Connection> connection =
        Connection::Secured(*planner_, *authority, "", "");
    LetStopCancel(connection);
    auto membership = connection->Enrol({.join_token = pki::Format(*token),
                                         .node_name = settings_.name,
                                         .signing_request_pem = *request,
                                         .agent_version = world_.agent_version});
    if (!membership.ok()) return membership;
    // Trust stays with the authority that the token named, whatever came back.
    membership->authority_pem = *authority;
    if (absl::Status good = CheckIssued(*membership, *key); !good.ok()) return good;
    return membership;
  }

  bool CertificateIsOver() const {
    return certificate_ && PlannerNow() >= certificate_->not_after_unix_ms;
  }

  absl::Status RenewIfDue() {
    if (!certificate_ || PlannerNow() < pki::RenewalTimeUnixMs(*certificate_)) {
      return absl::OkStatus();
    }
    const auto key = state_.Key();
    if (!key.ok()) return Here(key.status());
    const auto request = pki::CreateSigningRequest(*key);
    if (!request.ok()) return request.status();
    auto renewed = connection_->Renew(membership_, *request);
    if (!renewed.ok()) return renewed.status();
    if (absl::Status good = CheckIssued(*renewed, *key); !good.ok()) return good;
    if (absl::Status saved = state_.SaveMembership(*renewed); !saved.ok()) return Here(saved);
    world_.log(Severity::kInfo, "the certificate was renewed");
    return Adopt(*std::move(renewed));
  }

  const Settings& settings_;
  const World& world_;
  Stop& stop_;
  const State& state_;
  Spool spool_;
  const Inbox inbox_;
  std::mt19937_64 random_{std::random_device{}()};

  // Who this node is, and whose.
  std::optional<Address> planner_;  // as given, or where it was found; absent: not found yet
  Membership membership_;
  std::optional<pki::Identity> certificate_;  // absent in plaintext
  std::shared_ptr<Connection> connection_;    // null before the first enrolment
  bool enrolled_before_ = false;
  bool rejoin_ = false;       // the planner does not know this node; a token is at hand
  bool token_tried_ = false;  // since the old enrolment was last tried

  // What it said.
  std::vector<agent::MemoryBandwidth> measured_;  // in this run or an earlier one
  bool looked_ = false;                           // at the machine, in this run
  const std::uint64_t boot_id_;
  std::uint64_t report_sequence_ = 0;
  std::uint64_t pulse_sequence_ = 0;
  std::atomic<std::uint64_t> measurement_sequence_{0};    // of links and of speeds
  std::map<std::string, std::uint64_t> speed_sequences_;  // of speeds sent and not acknowledged
  Said unreadable_;                                       // in the inbox
  std::pair<std::uint64_t, std::uint64_t> acknowledged_{0, 0};  // boot, sequence of a report
  std::optional<agent::Report> newest_;                         // kept in this run

  // When it speaks next.
  Milliseconds heartbeat_;
  SteadyClock::time_point next_probe_{};
  SteadyClock::time_point next_report_{};
  SteadyClock::time_point next_heartbeat_{};
  SteadyClock::time_point blocked_until_{};
  bool paused_ = false;  // something waits, and the planner wants it later
  bool pause_said_ = false;
  SteadyClock::time_point paused_until_{};
  int failures_ = 0;       // in a row
  bool keeps_ = true;      // the disk took the latest report
  Said planner_problems_;  // since the planner was last reached
  Said look_problems_;     // since this machine could last be looked at
  Said measure_problems_;
  Said keep_problems_;  // since a report was last kept without a loss
  std::int64_t planner_ahead_ms_ = 0;

  LinkWork links_;  // last: its thread uses the others
};

// Without what changes all the time.
agent::Report Facts(agent::Report report) {
  report.taken_at_unix_ms = 0;
  report.memory.available_bytes.reset();
  report.memory.wired_bytes.reset();
  report.memory.pressure_free_share.reset();
  for (agent::Accelerator& accelerator : report.accelerators) {
    accelerator.memory_used_bytes.reset();
  }
  for (agent::MemoryBandwidth& bandwidth : report.memory_bandwidths) bandwidth.conditions = {};
  return report;
}

}  // namespace

bool SameFacts(const agent::Report& a, const agent::Report& b) { return Facts(a) == Facts(b); }

absl::Status Run(const Settings& settings, const World& world, Stop& stop) {
  if (!settings.join_token.empty()) {
    const auto token = pki::ParseJoinToken(settings.join_token);
    if (!token.ok()) return token.status();
  }
  const auto state = State::Open(settings.state_directory);
  if (!state.ok()) return state.status();
  auto spool = Spool::Open((*state)->SpoolDirectory(), settings.spool);
  if (!spool.ok()) return spool.status();
  return Agent(settings, world, stop, **state, *std::move(spool)).Run();
}

}  // namespace capacity::reporter
