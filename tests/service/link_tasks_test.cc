#include "planner/service/link_tasks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace capacity::service {
namespace {

using Pair = std::pair<std::string, std::string>;

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kDayMs = 24 * kHourMs;

std::vector<Measurable> ThreeOnOneNetwork() {
  return {{"n1", "a", {"10.0.0.1"}, false},
          {"n2", "b", {"10.0.0.2"}, false},
          {"n3", "c", {"10.0.0.3"}, false}};
}

class LinkTasksTest : public ::testing::Test {
 protected:
  // The pair that is measured now; both ends play along until the connector says `last`.
  std::optional<Pair> Run(v1::TaskState last) {
    tasks_.Tick(now_, ThreeOnOneNetwork(), measured_);
    for (const Measurable& node : ThreeOnOneNetwork()) {
      const auto listen = tasks_.Poll(node.node_id, "", now_);
      if (!listen) continue;
      Say(node.node_id, listen->task_id(), v1::TASK_STATE_LISTENING);
      EXPECT_TRUE(tasks_.Poll(listen->peer_node_id(), "", now_));
      EXPECT_TRUE(Say(listen->peer_node_id(), listen->task_id(), last));
      return std::minmax(node.node_id, listen->peer_node_id());
    }
    return std::nullopt;
  }
  bool Say(const std::string& node_id, const std::string& task_id, v1::TaskState state) {
    v1::UpdateTaskRequest update;
    update.set_node_id(node_id);
    update.set_task_id(task_id);
    update.set_state(state);
    update.set_port(5000);
    return tasks_.Update(update, now_);
  }

  LinkTasks tasks_;
  std::int64_t now_ = 100 * kDayMs;
  std::map<Pair, std::int64_t> measured_;
};

// A pair that cannot be measured (a firewall) comes back empty-handed for ever: DONE without a
// link, or FAILED. The others must have their turn all the same.
TEST_F(LinkTasksTest, APairThatBringsNothingKeepsNobodyWaiting) {
  for (const v1::TaskState last : {v1::TASK_STATE_DONE, v1::TASK_STATE_FAILED}) {
    now_ += kDayMs;  // what was paused before is no longer
    std::set<Pair> tried;
    for (int i = 0; i < 3; ++i) {
      const auto pair = Run(last);
      ASSERT_TRUE(pair);
      tried.insert(*pair);
    }
    EXPECT_EQ(tried.size(), 3u);
    EXPECT_EQ(Run(last), std::nullopt) << "all were tried a moment ago";
    now_ += kHourMs;
    EXPECT_TRUE(Run(last)) << "later they may be tried again";
  }
}

TEST_F(LinkTasksTest, TheLongestUnmeasuredIsNextAndOnceADayIsEnough) {
  measured_ = {{{"n1", "n2"}, now_ - 2 * kDayMs},
               {{"n1", "n3"}, now_ - 3 * kDayMs},
               {{"n2", "n3"}, now_ - kHourMs}};
  EXPECT_EQ(Run(v1::TASK_STATE_DONE), (Pair{"n1", "n3"}));
  EXPECT_EQ(Run(v1::TASK_STATE_DONE), (Pair{"n1", "n2"}));
  EXPECT_EQ(Run(v1::TASK_STATE_DONE), std::nullopt);
}

}  // namespace
}  // namespace capacity::service
