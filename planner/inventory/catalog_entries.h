// One entry of the catalogue each: its fields as a value. What is wrong is reported where it
// stands; fields that are not asked for are left for the caller to report.
#pragma once

#include "planner/catalog/catalog.h"
#include "planner/inventory/fields.h"

namespace capacity::inventory {

// model_entries.cc
catalog::Model ReadModel(Fields& fields, Problems& problems);
catalog::Quantization ReadQuantization(Fields& fields, Problems& problems);
catalog::KvCacheType ReadKvCacheType(Fields& fields, Problems& problems);
catalog::Artifact ReadArtifact(Fields& fields, Problems& problems);

// hardware_entries.cc
catalog::Chip ReadChip(Fields& fields, Problems& problems);
catalog::Machine ReadMachine(Fields& fields, Problems& problems);
catalog::MetalLimit ReadMetalLimit(Fields& fields);
catalog::Link ReadLink(Fields& fields, Problems& problems);
catalog::InterconnectItem ReadItem(Fields& fields);

// money_entries.cc
catalog::PriceOffer ReadOffer(Fields& fields);
catalog::CloudModel ReadCloudModel(Fields& fields);
catalog::HostedOffer ReadHostedOffer(Fields& fields);
catalog::FrontierEquivalent ReadFrontierEquivalent(Fields& fields);
catalog::PriceDecline ReadDecline(Fields& fields);
catalog::WorkloadPreset ReadWorkloadPreset(Fields& fields);

}  // namespace capacity::inventory
