// Arguments that say what is to be launched and where; shared by launch and status.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/answer/launch.h"
#include "planner/cli/answers.h"
#include "planner/cli/load_arguments.h"
#include "planner/cli/model_file.h"
#include "planner/cli/remote.h"

namespace capacity::cli {

struct LaunchArguments {
  FleetArguments fleet;
  RemoteArguments remote;
  LoadArguments load;
  std::string model;
  ModelFileArguments model_file;  // in place of `model`
  std::string quant;
  std::string engine;
  std::string strategy;
  std::vector<std::string> nodes;
  int rank = 1;
  std::vector<std::string> addresses;   // NODE=HOST[:PORT]
  std::vector<std::string> interfaces;  // NODE=NAME
  std::vector<std::string> rdma;        // NODE:NODE=DEVICE
  std::optional<int> gid_index;
  std::string here;
  std::string file;
  std::string source;
  std::string listen;  // HOST[:PORT]
};

// `model_help` describes --model.
void AddLaunchArguments(CLI::App& command, const std::string& model_help,
                        LaunchArguments& arguments);

// The question with everything that a running planner knows, where one is named; a model that is a
// file is put into the catalogue of `facts`. Nullopt after printing everything that is wrong;
// `exit_code` is then what to return.
std::optional<answer::LaunchQuestion> LaunchQuestionOrPrint(const Common& common, Facts& facts,
                                                            const LaunchArguments& arguments,
                                                            int& exit_code);

}  // namespace capacity::cli
