#include "planner/service/link_tasks.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "planner/pki/token.h"
#include "planner/wire/subnet.h"

namespace capacity::service {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kDayMs = 24 * 60 * kMinuteMs;
constexpr std::int64_t kLeaseMs = kMinuteMs;  // one task, both ends, three heartbeats each
constexpr std::int64_t kPauseAfterFailureMs = 15 * kMinuteMs;
constexpr std::int64_t kPauseAfterRefusalMs = 5 * kMinuteMs;
constexpr std::size_t kMostAddresses = 8;
constexpr std::size_t kMostPeers = 32;  // on each side, in a large fleet
constexpr std::uint32_t kRoundTrips = 200;
constexpr std::uint32_t kTransferMs = 1'000;
constexpr std::uint64_t kTransferLimitBytes = std::uint64_t{16} << 30;

// Self-assigned addresses reach whatever is at the other end of the cable, if anything is.
bool SelfAssigned(const std::string& address) { return absl::StartsWith(address, "169.254."); }

std::string FreshSecret() {
  std::string secret;
  constexpr std::size_t kSecretBytes = 32;
  while (secret.size() < kSecretBytes) {
    const auto id = pki::RandomId();
    if (!id.ok()) return "";
    secret += *id;
  }
  secret.resize(kSecretBytes);
  return secret;
}

}  // namespace

std::vector<std::string> ReachableAddresses(const Measurable& from, const Measurable& to) {
  std::set<std::string> networks;
  bool self_assigned = false;
  for (const std::string& address : from.addresses) {
    if (const auto subnet = wire::SubnetOf(address)) networks.insert(*subnet);
    self_assigned = self_assigned || SelfAssigned(address);
  }
  const std::set<std::string> own(from.addresses.begin(), from.addresses.end());
  std::vector<std::string> reachable;
  for (const std::string& address : to.addresses) {
    if (own.count(address) > 0) continue;  // the same on both: a bridge inside each machine
    const auto subnet = wire::SubnetOf(address);
    const bool near = subnet ? networks.count(*subnet) > 0 : self_assigned && SelfAssigned(address);
    if (near && reachable.size() < kMostAddresses) {
      reachable.push_back(wire::PlainAddress(address));
    }
  }
  return reachable;
}

void LinkTasks::EndWithPause(std::int64_t now_unix_ms, std::int64_t pause_ms) {
  const Pair pair = std::minmax(running_->listener.node_id, running_->connector.node_id);
  not_before_unix_ms_[pair] = now_unix_ms + pause_ms;
  running_.reset();
}

void LinkTasks::Tick(std::int64_t now_unix_ms, const std::vector<Measurable>& nodes,
                     const std::map<std::pair<std::string, std::string>, std::int64_t>& measured) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (running_ && now_unix_ms >= running_->ends_at_unix_ms) {
    EndWithPause(now_unix_ms, kPauseAfterFailureMs);
  }
  if (running_) return;
  for (auto it = not_before_unix_ms_.begin(); it != not_before_unix_ms_.end();) {
    it = it->second <= now_unix_ms ? not_before_unix_ms_.erase(it) : std::next(it);
  }
  const Measurable* best_a = nullptr;
  const Measurable* best_b = nullptr;
  std::int64_t oldest = now_unix_ms - kDayMs;
  // Around the ring of nodes: every pair of a fleet of up to 65, a band of larger ones.
  const std::size_t n = nodes.size();
  const std::size_t farthest = std::min(n / 2, kMostPeers);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t step = 1; step <= farthest; ++step) {
      const Measurable& a = nodes[i];
      const Measurable& b = nodes[(i + step) % n];
      if (a.busy || b.busy) continue;
      const Pair pair = std::minmax(a.node_id, b.node_id);
      if (not_before_unix_ms_.count(pair) > 0) continue;
      const auto last = measured.find(pair);
      const std::int64_t when = last == measured.end() ? 0 : last->second;
      if (when >= oldest || ReachableAddresses(a, b).empty()) continue;
      oldest = when;
      best_a = &a;
      best_b = &b;
    }
    if (best_a != nullptr && oldest == 0) break;  // never measured: none is older
  }
  if (best_a == nullptr) return;
  const auto id = pki::RandomId();
  std::string secret = FreshSecret();
  if (!id.ok() || secret.empty()) return;
  running_ =
      Running{*id, std::move(secret), *best_b, *best_a, 0, now_unix_ms + kLeaseMs, false, false};
}

bool LinkTasks::Waiting(const std::string& node_id) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!running_) return false;
  if (running_->listener.node_id == node_id) return !running_->listener_has_it;
  return running_->connector.node_id == node_id && running_->port != 0 &&
         !running_->connector_has_it;
}

std::optional<v1::Task> LinkTasks::Poll(const std::string& node_id, const std::string& refusal,
                                        std::int64_t now_unix_ms) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!running_) return std::nullopt;
  const bool listens = running_->listener.node_id == node_id;
  const bool connects = running_->connector.node_id == node_id && running_->port != 0;
  if (!listens && !connects) return std::nullopt;
  if (!refusal.empty()) {
    EndWithPause(now_unix_ms, kPauseAfterRefusalMs);
    return std::nullopt;
  }
  const Measurable& peer = listens ? running_->connector : running_->listener;
  v1::Task task;
  task.set_task_id(running_->task_id);
  task.set_role(listens ? v1::Task::ROLE_LISTEN : v1::Task::ROLE_CONNECT);
  task.set_peer_node_id(peer.node_id);
  task.set_peer_name(peer.name);
  // The listener's addresses, as both ends need them.
  for (std::string& address : ReachableAddresses(running_->connector, running_->listener)) {
    task.add_addresses(std::move(address));
  }
  task.set_port(listens ? 0 : running_->port);
  task.set_secret(running_->secret);
  task.set_lease_ms(static_cast<std::uint32_t>(
      std::max<std::int64_t>(1, running_->ends_at_unix_ms - now_unix_ms)));
  task.set_round_trips(kRoundTrips);
  task.set_transfer_ms(kTransferMs);
  task.set_transfer_limit_bytes(kTransferLimitBytes);
  (listens ? running_->listener_has_it : running_->connector_has_it) = true;
  return task;
}

bool LinkTasks::Update(const v1::UpdateTaskRequest& update, std::int64_t now_unix_ms) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!running_ || running_->task_id != update.task_id()) return true;
  const bool listens = running_->listener.node_id == update.node_id();
  const bool connects = running_->connector.node_id == update.node_id();
  if (!listens && !connects) return true;
  switch (update.state()) {
    case v1::TASK_STATE_LISTENING:
      if (listens) running_->port = update.port();
      return false;
    case v1::TASK_STATE_DONE:
      // Measured or not: nobody is to wait because this pair cannot be.
      if (connects) EndWithPause(now_unix_ms, kPauseAfterFailureMs);
      return true;
    case v1::TASK_STATE_REFUSED:
      EndWithPause(now_unix_ms, kPauseAfterRefusalMs);
      return true;
    default:
      EndWithPause(now_unix_ms, kPauseAfterFailureMs);
      return true;
  }
}

bool LinkTasks::running() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return running_.has_value();
}

}  // namespace capacity::service
