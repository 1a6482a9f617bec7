#include "planner/catalog/identify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/shipped.h"

namespace capacity::catalog {
namespace {

using capacity::testing::Shipped;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Identified Mac(const std::string& product, const std::string& identifier, const std::string& chip,
               std::optional<int> cores, int gib) {
  return Identify(Shipped(), {.vendor = "Apple",
                              .product = product,
                              .model_identifier = identifier,
                              .chip_name = chip,
                              .gpu_cores = cores,
                              .memory = GiB(gib)});
}

Identified Cards(const std::vector<SeenAccelerator>& cards) {
  return Identify(Shipped(), {.accelerators = cards});
}

TEST(Identify, EveryAppleChipByItsNameAndCores) {
  int chips = 0;
  for (const Chip& chip : Shipped().chips) {
    if (chip.vendor != "apple") continue;
    ++chips;
    for (const Bytes memory : chip.memory_options) {
      const Identified found =
          Identify(Shipped(), {.vendor = "Apple",
                               .chip_name = chip.name.substr(0, chip.name.find(" (")),
                               .gpu_cores = chip.gpu_cores,
                               .memory = memory});
      EXPECT_EQ(found.chip, chip.id);
    }
  }
  EXPECT_GT(chips, 30);
}

TEST(Identify, CoresThatNoChipHasAreOfNoMachine) {
  const Identified found = Identify(Shipped(), {.vendor = "Apple",
                                                .product = "MacBook Pro",
                                                .chip_name = "Apple M4 Max",
                                                .gpu_cores = 38,
                                                .memory = GiB(64)});
  EXPECT_EQ(found.machine, "");
  EXPECT_THAT(found.why, HasSubstr("no Apple M4 Max with 38 GPU cores"));
}

// Apple, 2026-08: an M6 reads 153 GB/s with 16 GB, 170 GB/s with more.
TEST(Identify, TheMemoryTellsApartWhatNameAndCoresDoNot) {
  Seen seen{.vendor = "Apple",
            .product = "Mac mini",
            .model_identifier = "Mac18,5",
            .chip_name = "Apple M6",
            .gpu_cores = 12,
            .memory = GiB(16)};
  EXPECT_EQ(Identify(Shipped(), seen).machine, "mac-mini-m6-16gb");
  EXPECT_EQ(Identify(Shipped(), seen).chip, "apple-m6-12-16gb");
  seen.memory = GiB(32);
  EXPECT_EQ(Identify(Shipped(), seen).chip, "apple-m6-12");
  seen.memory.reset();
  EXPECT_EQ(Identify(Shipped(), seen).chip, "");
  EXPECT_THAT(Identify(Shipped(), seen).why, HasSubstr("size of the memory is not known"));
  seen.memory = GiB(48);
  EXPECT_THAT(Identify(Shipped(), seen).why, HasSubstr("no Apple M6 with 48 GiB"));
}

TEST(Identify, EveryCardByWhatTheDriverPrints) {
  for (const Chip& chip : Shipped().chips) {
    if (chip.vendor != "nvidia") continue;
    std::vector<std::string> names = chip.reported_as;
    if (names.empty()) names = {chip.name};
    for (const std::string& name : names) {
      ASSERT_EQ(name.rfind("NVIDIA ", 0), 0u) << name;
      EXPECT_EQ(Cards({{name}}).chip, chip.id);
      EXPECT_EQ(Cards({{name.substr(7)}}).chip, chip.id) << "an older driver";
      for (const Bytes memory : chip.memory_options) {
        EXPECT_EQ(Cards({{name, memory * 0.94}}).chip, chip.id) << name;
      }
    }
  }
}

TEST(Identify, EveryMacOfTheCatalogue) {
  for (const Machine& machine : Shipped().machines) {
    if (machine.os != OperatingSystem::kMacos) continue;
    const Chip* chip = Shipped().FindChip(machine.chip);
    const std::string name = chip->name.substr(0, chip->name.find(" ("));
    const std::string product = machine.name.substr(0, machine.name.find(" M"));
    const int gib = static_cast<int>(machine.memory.gib());
    EXPECT_EQ(Mac(product, "", name, chip->gpu_cores, gib).machine, machine.id);
    for (const std::string& identifier : machine.model_identifiers) {
      EXPECT_EQ(Mac("", identifier, name, chip->gpu_cores, gib).machine, machine.id) << identifier;
    }
  }
}

TEST(Identify, AMacWhoseCoresAreNotKnownByMemoryWhereThatDecides) {
  EXPECT_EQ(Mac("Mac Studio", "Mac15,14", "Apple M3 Ultra", std::nullopt, 512).chip,
            "apple-m3-ultra-80");
  const Identified open = Mac("Mac Studio", "Mac15,14", "Apple M3 Ultra", std::nullopt, 96);
  EXPECT_EQ(open.machine, "mac-studio-m3-ultra-96gb");
  EXPECT_EQ(open.chip, "");
  EXPECT_THAT(open.why, HasSubstr("apple-m3-ultra-60 or apple-m3-ultra-80"));
}

TEST(Identify, Gb10MachinesByTheirMakersNames) {
  struct Case {
    const char* vendor;
    const char* product;
    const char* machine;
  };
  for (const Case& one : {Case{"NVIDIA", "NVIDIA_DGX_Spark", "dgx-spark"},
                          Case{"ASUS", "Ascent GX10", "asus-ascent-gx10"},
                          Case{"ASUSTeK COMPUTER INC.", "GX10", "asus-ascent-gx10"},
                          Case{"HP", "HP ZGX Nano G1n AI Station", "hp-zgx-nano"},
                          Case{"LENOVO", "ThinkStation PGX", "lenovo-thinkstation-pgx"},
                          Case{"Dell  Inc.", "Dell Pro Max with GB10 FCM1253", "dell-pro-max-gb10"},
                          Case{"MSI", "EdgeXpert-MS-C931", "msi-edgexpert"},
                          Case{"GIGABYTE", "AI TOP ATOM", "gigabyte-ai-top-atom"},
                          Case{"Acer", "Veriton GN100", "acer-veriton-gn100"}}) {
    const Identified found =
        Identify(Shipped(),
                 {.vendor = one.vendor, .product = one.product, .accelerators = {{"NVIDIA GB10"}}});
    EXPECT_EQ(found.machine, one.machine);
    EXPECT_EQ(found.chip, "gb10");
  }
  // Of another maker: what every GB10 machine has.
  for (const char* product : {"Box", "ATOM", "P4242"}) {
    const Identified other = Identify(
        Shipped(), {.vendor = "Acme", .product = product, .accelerators = {{"NVIDIA GB10"}}});
    EXPECT_EQ(other, (Identified{"gb10-128gb", "gb10", 1, ""})) << product;
  }
  EXPECT_EQ(Identify(Shipped(), {.vendor = "Dell Inc.", .product = "Dell Pro Max FCM1253"}).machine,
            "dell-pro-max-gb10");
  // Without a driver nothing tells the chip.
  EXPECT_THAT(Identify(Shipped(), {.vendor = "Acme", .product = "Box"}).why, HasSubstr("Acme Box"));
}

TEST(Identify, AFailingToolIsNoProofThatThereIsNoAccelerator) {
  EXPECT_THAT(Identify(Shipped(), {.chip_name = "AMD EPYC"}).why,
              HasSubstr("no NVIDIA card, and accelerators of other makers are not looked for"));
  EXPECT_THAT(Identify(Shipped(), {.chip_name = "AMD EPYC", .accelerators_unknown = true}).why,
              AllOf(HasSubstr("is not known"), Not(HasSubstr("no NVIDIA card"))));
}

TEST(Identify, MacsThatAreNeitherStudioNorMiniNorBook) {
  EXPECT_EQ(Mac("iMac", "Mac15,5", "Apple M3", 10, 24).machine, "imac-m3-24gb");
  EXPECT_EQ(Mac("iMac", "iMac21,2", "Apple M1", 7, 16).machine, "imac-m1-16gb");
  EXPECT_EQ(Mac("Mac Pro", "Mac14,8", "Apple M2 Ultra", 76, 192).machine, "mac-pro-m2-ultra-192gb");
}

TEST(Identify, WorkstationsByTheirCards) {
  const SeenAccelerator card = {"NVIDIA GeForce RTX 3090", Bytes{std::int64_t{24576} << 20}};
  EXPECT_EQ(Cards({card}).machine, "rtx-3090-24gb");
  EXPECT_EQ(Cards({card, card}), (Identified{"dual-rtx-3090", "rtx-3090", 2, ""}));
  EXPECT_EQ(Cards({card, card, card}), (Identified{"workstation", "rtx-3090", 3, ""}));
  EXPECT_EQ(Cards({{"NVIDIA L40S"}}), (Identified{"workstation", "l40s", 1, ""}));
  EXPECT_EQ(Cards({{"NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition"}}).machine,
            "rtx-pro-6000-max-q-96gb");
  EXPECT_EQ(Cards({{"NVIDIA RTX PRO 6000 Blackwell Workstation Edition"}}).machine,
            "rtx-pro-6000-96gb");
}

// A machine that firmware calls `product`, with `visible` GiB and `chip` as its processor.
Identified Firmware(const std::string& vendor, const std::string& product, const std::string& chip,
                    std::optional<double> visible, std::vector<SeenAccelerator> cards = {}) {
  Seen seen = {.vendor = vendor, .product = product, .chip_name = chip};
  if (visible) seen.visible = GiB(1) * *visible;
  seen.accelerators = std::move(cards);
  return Identify(Shipped(), seen);
}

constexpr char kFramework[] = "Desktop (AMD Ryzen AI Max 300 Series)";
constexpr char kMax395[] = "AMD RYZEN AI MAX+ 395 w/ Radeon 8060S";

TEST(Identify, OneNameThatIsSoldWithSeveralSizesNeedsTheMemory) {
  const auto framework = [](std::optional<double> visible) {
    return Firmware("Framework", kFramework, kMax395, visible);
  };
  // Firmware gives the GPU 0.5, 4 or 16 GiB.
  for (const double visible : {124.0, 120.5, 108.5}) {
    EXPECT_EQ(framework(visible).machine, "framework-desktop-strix-halo-128gb") << visible;
  }
  for (const double visible : {62.0, 31.0, 94.0, 129.0}) {
    const Identified found = framework(visible);
    EXPECT_EQ(found.machine, "") << visible;
    EXPECT_EQ(found.chip, "strix-halo") << visible;
    EXPECT_THAT(found.why, AllOf(HasSubstr("has 128 GiB"), HasSubstr("the system counts"),
                                 HasSubstr("saw \"Framework Desktop")))
        << visible;
  }
  EXPECT_THAT(framework(std::nullopt).why, HasSubstr("how much memory it has is not known"));
  EXPECT_EQ(Firmware("GMKtec", "NucBox_EVO-X2", kMax395, 124).machine, "gmktec-evo-x2-128gb");
  EXPECT_THAT(Firmware("GMKtec", "NucBox_EVO-X2", kMax395, 31).why,
              HasSubstr("or firmware gives much to the GPU"));
}

TEST(Identify, WhatFirmwareKeepsForTheGpuIsInstalledToo) {
  const auto framework = [](double visible, double gpu) {
    const Seen seen = {.vendor = "Framework",
                       .product = kFramework,
                       .chip_name = "AMD RYZEN AI MAX+ PRO 395 w/ Radeon 8060S",
                       .visible = GiB(1) * visible,
                       .firmware_gpu = GiB(1) * gpu};
    return Identify(Shipped(), seen);
  };
  // Half and half (a public report of a 128 GB machine, 2026), and as much as firmware can give.
  for (const auto& [visible, gpu] : {std::pair{62.6, 64.0}, std::pair{30.9, 96.0}}) {
    EXPECT_EQ(framework(visible, gpu).machine, "framework-desktop-strix-halo-128gb") << gpu;
  }
  const Identified half = framework(30.9, 32);
  EXPECT_EQ(half.machine, "");
  EXPECT_THAT(half.why, AllOf(HasSubstr("the system counts 31 GiB of memory beside 32 GiB of the "
                                        "GPU, and framework-desktop-strix-halo-128gb has 128 GiB"),
                              Not(HasSubstr("gives much"))));
}

TEST(Identify, OneNameThatIsSoldWithSeveralProcessorsNeedsTheProcessor) {
  const Identified found =
      Firmware("Framework", kFramework, "AMD RYZEN AI MAX 385 w/ Radeon 8050S", 124);
  EXPECT_EQ(found.machine, "");
  EXPECT_EQ(found.chip, "");
  EXPECT_THAT(found.why, HasSubstr("another processor than \"AMD RYZEN AI MAX 385"));
  EXPECT_EQ(Firmware("Framework", kFramework, "", 124).machine,
            "framework-desktop-strix-halo-128gb");
}

TEST(Identify, ACardBesideAUnifiedChipIsNotPassedOver) {
  for (const auto& [vendor, product] :
       {std::pair{"Framework", kFramework}, std::pair{"NVIDIA", "NVIDIA_DGX_Spark"}}) {
    const Identified found =
        Firmware(vendor, product, "", 121.7, {{"NVIDIA GeForce RTX 3090", GiB(24)}});
    EXPECT_EQ(found.machine, "") << product;
    EXPECT_THAT(found.why, HasSubstr("NVIDIA GeForce RTX 3090\" beside its")) << product;
  }
}

TEST(Identify, AGb10MachineWithHalfItsMemoryIsNotPlannedWithAllOfIt) {
  EXPECT_EQ(Firmware("NVIDIA", "NVIDIA_DGX_Spark", "", 121.69).machine, "dgx-spark");
  EXPECT_EQ(Firmware("NVIDIA", "NVIDIA_DGX_Spark", "", std::nullopt).machine, "dgx-spark");
  EXPECT_THAT(Firmware("NVIDIA", "NVIDIA_DGX_Spark", "", 60).why, HasSubstr("has 128 GiB"));
}

TEST(Identify, ANameThatTheTableShortensIsNoCard) {
  for (const char* name : {"NVIDIA GeForce RTX 4070 ...", "NVIDIA GeForce RTX 4080 ...",
                           "NVIDIA GeForce RTX 3090 ...", "NVIDIA RTX 6000 Ada..."}) {
    const Identified found = Cards({{name}});
    EXPECT_EQ(found.chip, "") << name;
    EXPECT_EQ(found.machine, "") << name;
    EXPECT_THAT(found.why, HasSubstr(name));
  }
}

TEST(Identify, ACardThatNoDriverRunsDoesNotCount) {
  const SeenAccelerator driven = {"NVIDIA GeForce RTX 3090", GiB(24)};
  for (const char* name : {"NVIDIA Corporation GA102 [GeForce RTX 3090] [10de:2204] (rev a1)",
                           "NVIDIA device 0x2204"}) {
    EXPECT_EQ(Cards({driven, {name}}), (Identified{"rtx-3090-24gb", "rtx-3090", 1, ""}));
    EXPECT_THAT(Cards({{name}}).why, HasSubstr(name));
  }
}

TEST(Identify, ALostCardDoesNotCount) {
  const SeenAccelerator works = {"NVIDIA GeForce RTX 3090", GiB(24)};
  for (const char* name :
       {"NVIDIA GeForce RTX 3090", "NVIDIA card",
        "NVIDIA Corporation AD102 [GeForce RTX 4090] [10de:2684]", "NVIDIA device 0x2684"}) {
    const SeenAccelerator lost = {.name = name, .lost = true};
    EXPECT_EQ(Cards({lost, works}), (Identified{"rtx-3090-24gb", "rtx-3090", 1, ""})) << name;
    const Identified alone = Cards({lost});
    EXPECT_EQ(alone.machine, "") << name;
    EXPECT_THAT(alone.why, HasSubstr(std::string("nothing can use its card \"") + name));
  }
  // It speaks against no machine either.
  EXPECT_EQ(Identify(Shipped(), {.vendor = "NVIDIA",
                                 .product = "NVIDIA_DGX_Spark",
                                 .accelerators = {{.name = "NVIDIA GB10", .lost = true}}})
                .machine,
            "dgx-spark");
}

TEST(Identify, AGb10ThatOnlyPciListsIsItsMachine) {
  for (const char* name :
       {"NVIDIA Corporation Device [10de:2e12] (rev a1)",
        "NVIDIA Corporation GB20B [GB10] [10de:2e12] (rev a1)", "NVIDIA device 0x2e12"}) {
    EXPECT_EQ(Cards({{name}}), (Identified{"gb10-128gb", "gb10", 1, ""})) << name;
  }
}

TEST(Identify, WhatIsUnknownStaysUnknownWithWhatWasSeen) {
  for (const char* name : {"NVIDIA GeForce RTX 9090", "NVIDIA GeForce RTX 4090 Laptop GPU",
                           "NVIDIA A100-SXM4-40GB", "NVIDIA GeForce RTX 2080 SUPER"}) {
    const Identified found = Cards({{name}});
    EXPECT_EQ(found.chip, "") << name;
    EXPECT_THAT(found.why, HasSubstr(name));
  }
  // The RTX 3080 with 12 GiB is another card than the one with 10.
  EXPECT_THAT(Cards({{"NVIDIA GeForce RTX 3080", GiB(12)}}).why, HasSubstr("12 GiB"));
  EXPECT_THAT(Cards({{"NVIDIA L40S"}, {"NVIDIA A40"}}).why, HasSubstr("two kinds"));
  EXPECT_THAT(Cards({{"NVIDIA H100 PCIe", std::nullopt, true}}).why, HasSubstr("MIG"));
  EXPECT_THAT(Cards({{""}}).why, HasSubstr("name is not known"));
  EXPECT_THAT(Mac("Mac Studio", "Mac99,1", "Apple M9 Ultra", 99, 512).why,
              HasSubstr("Apple M9 Ultra"));
  EXPECT_THAT(Mac("Mac Studio", "Mac15,14", "Apple M3 Ultra", 70, 512).why,
              HasSubstr("70 GPU cores"));
  EXPECT_THAT(Identify(Shipped(), {.chip_name = "AMD EPYC"}).why, HasSubstr("AMD EPYC"));
}

}  // namespace
}  // namespace capacity::catalog
