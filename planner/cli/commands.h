// The commands, one file each. Every Add function registers its options and sets `action` when the
// command line chooses it; the action prints the answer and returns the exit code.
#pragma once

#include "planner/cli/common.h"

namespace capacity::cli {

void AddPlan(CLI::App& app, Common& common, Action& action);
void AddFit(CLI::App& app, Common& common, Action& action);
void AddPredict(CLI::App& app, Common& common, Action& action);
void AddPayoff(CLI::App& app, Common& common, Action& action);
void AddCatalog(CLI::App& app, Common& common, Action& action);
void AddInventory(CLI::App& app, Common& common, Action& action);
void AddValidate(CLI::App& app, Common& common, Action& action);
void AddCalibrate(CLI::App& app, Common& common, Action& action);
void AddMeasurements(CLI::App& app, Common& common, Action& action);
void AddPrices(CLI::App& app, Common& common, Action& action);
void AddUsage(CLI::App& app, Common& common, Action& action);
void AddServe(CLI::App& app, Common& common, Action& action);
void AddInit(CLI::App& app, Common& common, Action& action);
void AddToken(CLI::App& app, Common& common, Action& action);  // and credential
void AddNodes(CLI::App& app, Common& common, Action& action);  // and forget, rename
void AddStore(CLI::App& app, Common& common, Action& action);  // and backup
void AddDoctor(CLI::App& app, Common& common, Action& action);

}  // namespace capacity::cli
