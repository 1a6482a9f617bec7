// The facts that ship with the program, loaded once a test program. Run from the repository root.
#pragma once

#include <utility>

#include "planner/catalog/catalog.h"
#include "planner/inventory/inventory.h"
#include "planner/throughput/calibration.h"

namespace capacity::testing {

inline const catalog::Catalog& Shipped() {
  static const catalog::Catalog* const kCatalog = [] {
    auto loaded = inventory::LoadCatalog("inventories/catalog", {});
    return new catalog::Catalog(*std::move(loaded.value));
  }();
  return *kCatalog;
}

inline const throughput::Calibration& Fitted() {
  static const throughput::Calibration* const kCalibration = [] {
    auto loaded = inventory::LoadCalibration("inventories/calibration.yaml");
    return new throughput::Calibration(*std::move(loaded.value));
  }();
  return *kCalibration;
}

}  // namespace capacity::testing
