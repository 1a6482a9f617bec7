// Where what was launched is kept between commands.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "planner/launch/record.h"

namespace capacity::operate {

// $XDG_STATE_HOME/capacity-planner, else ~/.local/state/capacity-planner; "" without a home.
std::string DefaultLaunchDirectory();

// What was launched from `directory`; none when nothing was. InvalidArgument when the file there is
// not one of the planner's.
absl::StatusOr<std::vector<launch::Record>> LoadRecords(const std::string& directory);

// Adds `record`, in place of the one of the same URL and model. The file is replaced as a whole,
// and only its owner can read it.
absl::Status KeepRecord(const std::string& directory, const launch::Record& record);

// Removes the record of this URL and model, if there is one.
absl::Status ForgetRecord(const std::string& directory, const std::string& url,
                          const std::string& model);

// What this machine calls itself; "" when it does not say.
std::string HostName();

// What is known of the process of a record. kUnknown: it has none, or one on another machine.
enum class ProcessState { kUnknown, kRuns, kEnded };
ProcessState ProcessOf(const launch::Record& record);

// A file in `directory` (made where it is missing) for what the server of `model` at `port` says.
absl::StatusOr<std::string> LogFile(const std::string& directory, const std::string& model,
                                    int port);

}  // namespace capacity::operate
