// Cards that are there and do not work, the reasons why none is shown, and shared MIG slices.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "node-agent/probe/nvidia.h"
#include "tests/node-agent/probe/outputs.h"

namespace capacity::probe {
namespace {

using agent::Accelerator;
using agent::Report;
using capacity::testing::OutcomeOf;
using capacity::testing::Ran;
using capacity::testing::ReportOf;
using capacity::testing::UnknownsOf;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Fault = Accelerator::Fault;
using Files = std::map<std::string, std::string>;

const std::string kQuery =
    "nvidia-smi --query-gpu=index,name,driver_version,memory.total,memory.used,temperature.gpu "
    "--format=csv";
const std::string kHeader =
    "index, name, driver_version, memory.total [MiB], memory.used [MiB], temperature.gpu\n";
const std::string kMessage =
    "Unable to determine the device handle for GPU1: 0000:34:00.0: Unknown Error\n";

std::string Row(int index, const std::string& name, int mebibytes) {
  return std::to_string(index) + ", " + name + ", 580.95.05, " + std::to_string(mebibytes) +
         " MiB, 10 MiB, 33\n";
}

std::vector<std::string> NamesOf(const Report& report) {
  std::vector<std::string> names;
  for (const Accelerator& card : report.accelerators) names.push_back(card.name);
  return names;
}

std::vector<Fault> FaultsOf(const Report& report) {
  std::vector<Fault> faults;
  for (const Accelerator& card : report.accelerators) faults.push_back(card.fault);
  return faults;
}

// A display controller of NVIDIA in /sys; `driver` empty: none runs it.
Files Slot(const std::string& bus, const std::string& device, const std::string& driver) {
  const std::string at = "/sys/bus/pci/devices/" + bus + "/";
  return {{at + "vendor", "0x10de\n"},
          {at + "class", "0x030000\n"},
          {at + "device", device + "\n"},
          {at + "uevent", (driver.empty() ? "" : "DRIVER=" + driver + "\n") + "PCI_CLASS=30000\n"}};
}

Files Together(std::vector<Files> parts) {
  Files all = {{"/proc/meminfo", "MemTotal: 1 kB\n"}};
  for (const Files& part : parts) all.insert(part.begin(), part.end());
  return all;
}

// ---------------------------------------------------------------- lost cards

// Of an owner of four cards, word for word (published 2026-08).
constexpr const char* kTableWithoutCard1 = R"(
Unable to determine the device handle for GPU1: 0000:34:00.0: Unknown Error
Thu Aug 27 18:05:38 2026
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 610.57.04              KMD Version: 610.57.04     CUDA UMD Version: 13.3     |
+-----------------------------------------+------------------------+----------------------+
| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |
|                                         |                        |               MIG M. |
|=========================================+========================+======================|
|   0  NVIDIA RTX PRO 6000 Blac...    On  |   00000000:16:00.0 Off |                  Off |
| 58%   87C    P1            299W /  300W |   88450MiB /  97887MiB |    100%      Default |
|                                         |                        |                  N/A |
+-----------------------------------------+------------------------+----------------------+
|   2  NVIDIA RTX PRO 6000 Blac...    On  |   00000000:AC:00.0 Off |                  Off |
| 63%   86C    P1            298W /  300W |   88450MiB /  97887MiB |    100%      Default |
|                                         |                        |                  N/A |
+-----------------------------------------+------------------------+----------------------+
|   3  NVIDIA RTX PRO 6000 Blac...    On  |   00000000:CA:00.0 Off |                  Off |
| 30%   33C    P8              6W /  300W |      10MiB /  97887MiB |      0%      Default |
|                                         |                        |                  N/A |
+-----------------------------------------+------------------------+----------------------+
)";

TEST(NvidiaSmi, HasTheTimeThatManyCardsWithoutPersistenceModeTake) {
  EXPECT_GE(NvidiaQuery().timeout, std::chrono::seconds(60));
}

TEST(LostCard, TheTableLeavesItOutAndTheMessageNamesIt) {
  const Report report = ReportOf({Ran("nvidia-smi", kTableWithoutCard1)}, Together({}));
  ASSERT_THAT(report.accelerators, SizeIs(4));
  EXPECT_EQ(report.accelerators[1].name, "NVIDIA card");
  EXPECT_EQ(report.accelerators[1].fault, Fault::kLost);
  EXPECT_EQ(report.accelerators[1].memory_bytes, std::nullopt);
  EXPECT_EQ(report.accelerators[3].memory_used_bytes, std::uint64_t{10} << 20);
  EXPECT_EQ(report.accelerators[3].fault, Fault::kNone);
  EXPECT_THAT(UnknownsOf(report, "nvidia-smi"),
              Contains(AllOf(HasSubstr("memory of card 1, NVIDIA card, is unknown"),
                             HasSubstr("0000:34:00.0: Unknown Error"))));
}

// Eight cards and lspci of an owner, word for word (published 2026-08; the first line of lspci, a
// virtual display, left out).
TEST(LostCard, IsCalledAsItsSlotAndFoundByItsAddress) {
  std::string rows =
      "Unable to determine the device handle for GPU3: 0000:04:00.0: Unknown Error\n";
  std::string lspci;
  for (int i = 0; i < 8; ++i) {
    const std::string bus = "0" + std::to_string(i + 1) + ":00.0";
    if (i != 3) {
      rows += std::to_string(i) + ", 00000000:" + bus + ", NVIDIA GeForce RTX 3080\n";
    }
    lspci += bus +
             " VGA compatible controller [0300]: NVIDIA Corporation GA102 [GeForce RTX 3080] "
             "[10de:2206] (rev " +
             (i == 3 ? "ff" : "a1") + ")\n";
  }
  const Report report =
      ReportOf({Ran("nvidia-smi --query-gpu=index,pci.bus_id,name --format=csv,noheader", rows),
                Ran("lspci -nn", lspci)},
               Together({}));
  ASSERT_THAT(report.accelerators, SizeIs(8));
  EXPECT_EQ(report.accelerators[3].name, "NVIDIA Corporation GA102 [GeForce RTX 3080] [10de:2206]");
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(report.accelerators[i].fault, i == 3 ? Fault::kLost : Fault::kNone) << i;
  }
}

TEST(LostCard, TheMessageMayStandAnywhere) {
  const std::string row0 = Row(0, "NVIDIA GeForce RTX 3090", 24576);
  const std::string row2 = Row(2, "NVIDIA GeForce RTX 3090", 24576);
  for (const std::string& text : {kMessage + kHeader + row0 + row2,  // both streams in one
                                  kHeader + row0 + kMessage + row2,
                                  kHeader + row0 + row2 + kMessage}) {  // a live exit code not 0
    const Report report = ReportOf({Ran(kQuery, text, 15)}, Together({}));
    EXPECT_THAT(NamesOf(report),
                ElementsAre("NVIDIA GeForce RTX 3090", "NVIDIA card", "NVIDIA GeForce RTX 3090"))
        << text;
  }
}

TEST(LostCard, EveryFormOfTheMessage) {
  struct Case {
    const char* message;
    const char* where;
  };
  for (const Case& one : {
           Case{"Unable to determine the device handle for GPU 0000:02:00.0: GPU is lost.  Reboot "
                "the system to recover this GPU",
                "memory of the card at 0000:02:00.0, NVIDIA card, is"},
           Case{"Unable to determine the device handle for GPU0000:25:00.0: Unknown Error",
                "memory of the card at 0000:25:00.0, NVIDIA card, is"},
           Case{"Unable to determine the device handle for gpu 0000:05:00.0: Unknown Error",
                "memory of the card at 0000:05:00.0, NVIDIA card, is"},
           Case{"Unable to determine the device handle for GPU1: 000F:01:00.0: Unknown Error",
                "memory of card 1, NVIDIA card, is"},
           Case{"Unable to determine the device handle for GPU2: Unknown Error",
                "memory of card 2, NVIDIA card, is"},
           Case{"GPU 0000:43:00.0 has fallen off the bus",
                "memory of the card at 0000:43:00.0, NVIDIA card, is"},
       }) {
    const Report report = ReportOf(
        {Ran(kQuery, kHeader + Row(0, "NVIDIA L40S", 46068) + one.message + "\n")}, Together({}));
    EXPECT_THAT(FaultsOf(report), ElementsAre(Fault::kNone, Fault::kLost)) << one.message;
    EXPECT_THAT(UnknownsOf(report, "nvidia-smi"), Contains(HasSubstr(one.where))) << one.message;
  }
}

// What a live nvidia-smi writes to standard error is not seen where it ends with 0.
TEST(LostCard, ANumberThatEveryListLeavesOut) {
  const std::string name = "NVIDIA GeForce RTX 3090";
  const host::Output csv = Ran(kQuery, kHeader + Row(0, name, 24576) + Row(2, name, 24576));
  const host::Output list = Ran(
      "nvidia-smi -L", "GPU 0: " + name + " (UUID: GPU-a)\nGPU 2: " + name + " (UUID: GPU-c)\n");
  const Report live = ReportOf({csv, list}, Together({}));
  EXPECT_THAT(NamesOf(live), ElementsAre(name, "NVIDIA card", name));
  EXPECT_THAT(FaultsOf(live), ElementsAre(Fault::kNone, Fault::kLost, Fault::kNone));
  // Of a single list, which a person may have cut.
  const Report alone = ReportOf({csv}, Together({}));
  EXPECT_THAT(NamesOf(alone), ElementsAre(name, "", name));
  EXPECT_THAT(FaultsOf(alone), ElementsAre(Fault::kNone, Fault::kUnknown, Fault::kNone));
  EXPECT_THAT(UnknownsOf(alone, "nvidia-smi"),
              Contains(AllOf(HasSubstr("name and memory of card 1 are"),
                             HasSubstr("it is lost, or its line is"))));
}

TEST(LostCard, AnotherCardIsNotTakenForIt) {
  const Report report = ReportOf(
      {Ran(kQuery, kHeader + Row(0, "NVIDIA GeForce RTX 3090", 24576) +
                       Row(2, "NVIDIA GeForce RTX 3060", 12288)),
       Ran("nvidia-smi -L",
           "GPU 0: NVIDIA GeForce RTX 3090 (UUID: GPU-a)\nGPU 2: NVIDIA GeForce RTX 3060 (UUID: "
           "GPU-c)\n"),
       Ran("nvidia-smi -q -x",
           "<nvidia_smi_log><driver_version>580.95.05</driver_version>\n"
           "<attached_gpus>3</attached_gpus>\n"
           "<gpu id=\"00000000:01:00.0\"><product_name>NVIDIA GeForce RTX 3090</product_name></gpu>"
           "<gpu id=\"00000000:C1:00.0\"><product_name>NVIDIA GeForce RTX 3060</product_name></gpu>"
           "</nvidia_smi_log>\n"),
       Ran("lspci -nn",
           "01:00.0 VGA compatible controller [0300]: NVIDIA Corporation GA102 [GeForce RTX 3090] "
           "[10de:2204] (rev a1)\n"
           "41:00.0 VGA compatible controller [0300]: NVIDIA Corporation AD102 [GeForce RTX 4090] "
           "[10de:2684] (rev ff)\n"
           "c1:00.0 VGA compatible controller [0300]: NVIDIA Corporation GA106 [GeForce RTX 3060] "
           "[10de:2504] (rev a1)\n")},
      Together({}));
  EXPECT_THAT(NamesOf(report),
              ElementsAre("NVIDIA GeForce RTX 3090",
                          "NVIDIA Corporation AD102 [GeForce RTX 4090] [10de:2684]",
                          "NVIDIA GeForce RTX 3060"));
}

TEST(LostCard, CountsOnceWhateverTellsOfIt) {
  std::string rows;
  std::string list;
  for (int i = 0; i < 8; ++i) {
    if (i == 5) continue;
    rows += Row(i, "NVIDIA A100-SXM4-80GB", 81920);
    list += "GPU " + std::to_string(i) + ": NVIDIA A100-SXM4-80GB (UUID: GPU-" + std::to_string(i) +
            ")\n";
  }
  const std::string message =
      "Unable to determine the device handle for GPU5: 0000:B7:00.0: Unknown Error\n";
  for (const std::string& csv : {rows + message, message + rows}) {
    const Report report =
        ReportOf({Ran(kQuery, kHeader + csv), Ran("nvidia-smi -L", list + message)}, Together({}));
    ASSERT_THAT(report.accelerators, SizeIs(8));
    EXPECT_EQ(report.accelerators[5].fault, Fault::kLost);
    EXPECT_EQ(report.accelerators[7].memory_bytes, std::uint64_t{80} << 30);
  }
}

TEST(LostCard, TheOnlyOne) {
  for (const char* text :
       {"Unable to determine the device handle for GPU0: 0000:01:00.0: Unknown Error\n"
        "No devices were found\n",
        "Unable to determine the device handle for GPU0: 0000:01:00.0: Unknown Error\n"}) {
    for (const std::string& command : {kQuery, std::string("nvidia-smi")}) {
      const Report report = ReportOf({Ran(command, text, 6)}, Together({}));
      EXPECT_THAT(FaultsOf(report), ElementsAre(Fault::kLost)) << command << text;
      EXPECT_EQ(OutcomeOf(report, "nvidia-smi"), agent::ProbeResult::Outcome::kPartial);
    }
  }
}

// Older drivers print nothing behind it (NVIDIA/nvidia-container-toolkit, issue 69).
TEST(LostCard, WhatIsBehindTheFirstIsNotKnown) {
  const Report report = ReportOf(
      {Ran("nvidia-smi",
           "Unable to determine the device handle for GPU0000:65:00.0: Unknown Error\n", 6)},
      Together(
          {Slot("0000:65:00.0", "0x24b0", "nvidia"), Slot("0000:b3:00.0", "0x24b0", "nvidia")}));
  EXPECT_THAT(NamesOf(report), ElementsAre("NVIDIA device 0x24b0", "NVIDIA device 0x24b0"));
  EXPECT_THAT(FaultsOf(report), ElementsAre(Fault::kLost, Fault::kUnknown));
  EXPECT_THAT(UnknownsOf(report, "nvidia-smi"),
              Contains(HasSubstr("it stops at the first that is lost")));
}

TEST(LostCard, WhereEveryValueIsAnError) {
  const std::string healthy = Row(0, "NVIDIA A100-SXM4-80GB", 81920);
  for (const char* row : {
           // A Spark's GPU after Xid 154; an external card that was pulled; a card off its bus.
           "1, NVIDIA A100-SXM4-80GB, 580.95.05, [GPU requires reset], [GPU requires reset], [GPU "
           "requires reset]\n",
           "1, NVIDIA A100-SXM4-80GB, 580.95.05, [Unknown Error], [Unknown Error], ERR!\n",
           "1, NVIDIA A100-SXM4-80GB, 580.95.05, [GPU is lost], [GPU is lost], [GPU is lost]\n",
           // The memory may still be stated.
           "1, NVIDIA A100-SXM4-80GB, 580.95.05, 81920 MiB, 0 MiB, [GPU requires reset]\n",
       }) {
    const Report report = ReportOf({Ran(kQuery, kHeader + healthy + row)}, Together({}));
    EXPECT_THAT(NamesOf(report), ElementsAre("NVIDIA A100-SXM4-80GB", "NVIDIA A100-SXM4-80GB"))
        << row;
    EXPECT_EQ(report.accelerators[1].memory_bytes, std::nullopt) << row;
    EXPECT_EQ(report.accelerators[1].driver_version, "580.95.05") << row;
  }
  // A value that one sensor does not give is nothing of the kind.
  for (const char* row :
       {"1, NVIDIA A100-SXM4-80GB, 580.95.05, 81920 MiB, 0 MiB, [Unknown Error]\n",
        "1, NVIDIA A100-SXM4-80GB, 580.95.05, [N/A], [N/A], [N/A]\n"}) {
    const Report report = ReportOf({Ran(kQuery, kHeader + healthy + row)}, Together({}));
    EXPECT_THAT(FaultsOf(report), ElementsAre(Fault::kNone, Fault::kNone)) << row;
  }
}

TEST(LostCard, ErrorsInTheTable) {
  const auto faults = [](const std::string& second_line) {
    return FaultsOf(
        ReportOf({Ran("nvidia-smi",
                      "| NVIDIA-SMI 580.1   Driver Version: 580.1   CUDA Version: 13.0 |\n"
                      "|====|\n"
                      "|   0  NVIDIA L40S    On  | 00000000:01:00.0 Off | 0 |\n" +
                          second_line)},
                 Together({})));
  };
  // As one looks whose column of temperatures says [GPU requires reset] in the CSV.
  EXPECT_THAT(faults("|ERR!  ERR!  ERR!          N/A / N/A  |  58222MiB / 97887MiB | 0% |\n"),
              ElementsAre(Fault::kLost));
  EXPECT_THAT(faults("|ERR!   43C    P8    20W / 250W | 1MiB / 46068MiB | 0% |\n"),
              ElementsAre(Fault::kNone))
      << "a broken fan";
}

TEST(LostCard, OnlyLspciTells) {
  const std::string lspci =
      "01:00.0 VGA compatible controller [0300]: NVIDIA Corporation GA102 [GeForce RTX 3090] "
      "[10de:2204] (rev a1)\n"
      "41:00.0 VGA compatible controller [0300]: NVIDIA Corporation GA102 [GeForce RTX 3090] "
      "[10de:2204] (rev ff)\n";
  const Report last = ReportOf(
      {Ran(kQuery, kHeader + Row(0, "NVIDIA GeForce RTX 3090", 24576)), Ran("lspci -nn", lspci)},
      Together({}));
  const std::string lost = "NVIDIA Corporation GA102 [GeForce RTX 3090] [10de:2204]";
  EXPECT_THAT(NamesOf(last), ElementsAre("NVIDIA GeForce RTX 3090", lost));
  EXPECT_THAT(UnknownsOf(last, "nvidia-smi"),
              ElementsAre(HasSubstr("memory of the card at 0000:41:00.0")));
  const Report all = ReportOf({Ran(kQuery, "No devices were found\n", 6),
                               Ran("lspci -nn", lspci.substr(lspci.find("41:")))},
                              Together({}));
  EXPECT_THAT(NamesOf(all), ElementsAre(lost));
  EXPECT_THAT(FaultsOf(all), ElementsAre(Fault::kLost));
}

TEST(LostCard, OneThatWasNotAskedForIsNotLost) {
  const Report report =
      ReportOf({Ran("nvidia-smi -i 1 --query-gpu=index,name,memory.total --format=csv,noheader",
                    "1, NVIDIA L40S, 46068 MiB\n"),
                Ran("nvidia-smi -L -i 1", "GPU 1: NVIDIA L40S (UUID: GPU-b)\n")},
               Together({}));
  EXPECT_THAT(NamesOf(report), ElementsAre("NVIDIA L40S"));
}

TEST(NvidiaSmi, WarningsMayComeBeforeTheHeader) {
  const auto cards = ParseNvidiaSmi({"nvidia-smi"}, "WARNING: infoROM is corrupted at gpu 0\n" +
                                                        kHeader + Row(0, "NVIDIA L40S", 46068));
  ASSERT_TRUE(cards.has_value());
  ASSERT_THAT(cards->cards, SizeIs(1));
  EXPECT_EQ(cards->cards[0].name, "NVIDIA L40S");
}

TEST(NvidiaSmi, OutputsInDifferentOrderDescribeTheSameCards) {
  // The row of card 1 is cut; what -q -x says of it is found by its place.
  const Report report =
      ReportOf({Ran(kQuery, kHeader + Row(0, "NVIDIA L40S", 46068) + "1, NVIDIA\n" +
                                Row(2, "NVIDIA L40S", 46068)),
                Ran("nvidia-smi -q -x",
                    "<nvidia_smi_log><attached_gpus>3</attached_gpus>"
                    "<gpu id=\"00000000:01:00.0\"><product_name>NVIDIA L40S</product_name></gpu>"
                    "<gpu id=\"00000000:02:00.0\"><product_name>NVIDIA A40</product_name></gpu>"
                    "<gpu id=\"00000000:03:00.0\"><product_name>NVIDIA L40S</product_name></gpu>"
                    "</nvidia_smi_log>\n")},
               Together({}));
  EXPECT_THAT(NamesOf(report), ElementsAre("NVIDIA L40S", "NVIDIA A40", "NVIDIA L40S"));
}

// ---------------------------------------------------------------- why none is shown

TEST(NoCard, EverySituationHasItsOwnReason) {
  const Files driven = Slot("0000:01:00.0", "0x2684", "nvidia");
  const Files bare = Slot("0000:01:00.0", "0x2684", "");
  const Files docker = {{"/.dockerenv", ""}};
  const Files loaded = {{"/proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX Open Kernel\n"}};
  host::Output slow = Ran(kQuery, "");
  slow.how = host::Output::How::kTimedOut;
  const host::Output unknown = Ran(kQuery, "Failed to initialize NVML: Unknown Error\n", 255);
  const host::Output mismatch =
      Ran(kQuery, "Failed to initialize NVML: Driver/library version mismatch\n", 18);
  const host::Output dead = Ran(
      kQuery, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", 9);
  const host::Output none = Ran(kQuery, "No devices were found\n", 6);
  const host::Output nothing = Ran("lspci", "");
  struct Case {
    const host::Output& output;
    Files files;
    Fault fault;
    const char* why;
  };
  for (const Case& one : {
           Case{dead, bare, Fault::kNoDriver, "so its driver is missing or broken"},
           Case{nothing, bare, Fault::kNoDriver, "so its driver is missing or broken"},
           Case{none, driven, Fault::kNoDriver, "its driver does not take it"},
           Case{nothing, driven, Fault::kNoTool, "nvidia-smi is not there; its driver is loaded"},
           Case{mismatch, driven, Fault::kNeedsReboot, "a reboot mends this"},
           Case{slow, driven, Fault::kUnknown, "whether its driver works is not known"},
           Case{unknown, driven, Fault::kUnknown, "whether its driver works is not known"},
           // A reload of systemd takes the devices from containers that run
           // (NVIDIA/nvidia-container-toolkit, issue 1227).
           Case{unknown, Together({driven, docker}), Fault::kHidden,
                "this docker container has lost its right to use the card"},
           Case{none, Together({driven, docker}), Fault::kHidden,
                "this docker container is not given the card"},
           Case{nothing, Together({driven, docker}), Fault::kHidden,
                "this docker container is not given the card"},
           Case{dead, Together({bare, docker, loaded}), Fault::kHidden,
                "this docker container is not given the card"},
           Case{dead, Together({bare, docker}), Fault::kNoDriver,
                "the driver of the host of this docker container is missing or broken"},
           Case{slow, Together({driven, docker}), Fault::kUnknown, "did not end within"},
       }) {
    const Report report = ReportOf({one.output}, Together({one.files}));
    EXPECT_THAT(FaultsOf(report), ElementsAre(one.fault)) << one.why;
    EXPECT_EQ(report.no_cards, one.fault) << one.why;
    EXPECT_THAT(UnknownsOf(report, "nvidia-smi"), ElementsAre(HasSubstr(one.why)));
    if (one.fault != Fault::kNoDriver) {
      EXPECT_THAT(UnknownsOf(report, "nvidia-smi"), Not(Contains(HasSubstr("missing or broken"))));
    }
  }
}

TEST(NoCard, WindowsMayKeepItFromItsWsl) {
  const std::string device = "/sys/bus/pci/devices/2f3f:00:00.0/";
  const Report report = ReportOf(
      {Ran(kQuery, "Failed to initialize NVML: GPU access blocked by the operating system\n", 255)},
      {{"/proc/meminfo", "MemTotal: 1 kB\n"},
       {device + "vendor", "0x1414\n"},
       {device + "class", "0x030200\n"}});
  EXPECT_EQ(report.no_cards, Fault::kHidden);
  EXPECT_THAT(UnknownsOf(report, "nvidia-smi"),
              ElementsAre(HasSubstr("GPU access blocked by the operating system")));
}

TEST(NoCard, AContainerWhoseSlotsAreNotListed) {
  const Report report = ReportOf({Ran(kQuery, "Failed to initialize NVML: Unknown Error\n", 255)},
                                 Together({{{"/.dockerenv", ""}}}));
  EXPECT_EQ(report.no_cards, Fault::kHidden);
  EXPECT_THAT(UnknownsOf(report, "nvidia-smi"), ElementsAre(HasSubstr("which NVIDIA cards")));
}

TEST(NoCard, AMachineWithoutOneHasNoFault) {
  const Report report = ReportOf({Ran(kQuery, "No devices were found\n", 6)}, Together({}));
  EXPECT_EQ(report.no_cards, Fault::kNone);
  EXPECT_THAT(report.accelerators, IsEmpty());
}

TEST(NoCard, AContainerThatIsGivenOneOfTwo) {
  const Report report =
      ReportOf({Ran("nvidia-smi --query-gpu=index,name,pci.bus_id --format=csv,noheader",
                    "0, NVIDIA GeForce RTX 4090, 00000000:05:00.0\n")},
               Together({Slot("0000:01:00.0", "0x2684", "nvidia"),
                         Slot("0000:05:00.0", "0x2684", "nvidia"),
                         {{"/.dockerenv", ""}}}));
  EXPECT_THAT(FaultsOf(report), ElementsAre(Fault::kNone, Fault::kHidden));
  EXPECT_THAT(UnknownsOf(report, "nvidia-smi"),
              Contains(HasSubstr("this docker container is not given the others")));
}

TEST(Container, IsKnownByWhatEveryUserMayRead) {
  struct Case {
    Files files;
    const char* container;
  };
  for (const Case& one : {
           Case{{{"/.dockerenv", ""}, {"/proc/1/cgroup", "0::/\n"}}, "docker"},
           Case{{{"/run/.containerenv", "engine=\"podman-5.4.0\"\n"}}, "podman"},
           Case{{{"/proc/1/cgroup", "12:memory:/docker/0d1f\n1:name=systemd:/docker/0d1f\n"}},
                "docker"},
           Case{{{"/proc/1/cgroup", "11:memory:/kubepods/burstable/pod1/2\n"}}, "kubernetes"},
           Case{{{"/var/run/secrets/kubernetes.io/serviceaccount/namespace", "x"}}, "kubernetes"},
           Case{{{"/proc/1/cgroup", "4:memory:/lxc/ct1\n"}}, "lxc"},
           Case{{{"/run/systemd/container", "lxc\n"}}, "lxc"},
           // No containers: a machine; WSL with systemd; a virtual machine made of a container's
           // files, as this was developed on.
           Case{{{"/proc/1/cgroup", "0::/init.scope\n"}}, ""},
           Case{{{"/run/systemd/container", "wsl\n"}}, ""},
           Case{{{"/.dockerenv", ""}, {"/proc/2/comm", "kthreadd\n"}}, ""},
       }) {
    EXPECT_EQ(ReportOf({}, Together({one.files})).container, one.container)
        << one.files.begin()->first;
  }
}

// ---------------------------------------------------------------- MIG

// The form of NVIDIA's MIG user guide: three compute instances of one instance of the GPU.
TEST(Mig, ComputeInstancesShareTheMemoryOfTheirGpuInstance) {
  std::string devices;
  for (const auto& [gpu, compute] : {std::pair{1, 0}, {1, 1}, {1, 2}, {2, 0}}) {
    devices += "<mig_device><gpu_instance_id>" + std::to_string(gpu) +
               "</gpu_instance_id><compute_instance_id>" + std::to_string(compute) +
               "</compute_instance_id><fb_memory_usage><total>19968 MiB</total></fb_memory_usage>"
               "</mig_device>\n";
  }
  const Report report = ReportOf(
      {Ran("nvidia-smi --query-gpu=index,name,memory.total,mig.mode.current --format=csv,noheader",
           "0, NVIDIA A100-SXM4-40GB, 40960 MiB, Enabled\n"),
       Ran("nvidia-smi -L",
           "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-0)\n"
           "  MIG 1c.3g.20gb  Device  0: (UUID: MIG-a)\n  MIG 1c.3g.20gb  Device  1: (UUID: "
           "MIG-b)\n"
           "  MIG 1c.3g.20gb  Device  2: (UUID: MIG-c)\n  MIG 3g.20gb     Device  3: (UUID: "
           "MIG-d)\n"),
       Ran("nvidia-smi -q -x",
           "<nvidia_smi_log><attached_gpus>1</attached_gpus><gpu id=\"00000000:01:00.0\">"
           "<product_name>NVIDIA A100-SXM4-40GB</product_name><mig_mode><current_mig>Enabled"
           "</current_mig></mig_mode><mig_devices>" +
               devices + "</mig_devices></gpu></nvidia_smi_log>\n")},
      Together({}));
  ASSERT_THAT(report.accelerators, SizeIs(2));
  EXPECT_EQ(report.accelerators[0].slice, "3 x 1c.3g.20gb");
  EXPECT_EQ(report.accelerators[0].memory_bytes, std::uint64_t{19968} << 20);
  EXPECT_EQ(report.accelerators[1].slice, "3g.20gb");
}

// Of a user's script (driver 450): alone in an instance each, for all that the profile says.
// After a restart of an A100 MIG is on and its instances are gone (NVIDIA, MIG user guide).
TEST(Mig, ACardWithoutAnInstanceIsOfNoUse) {
  const host::Output query =
      Ran("nvidia-smi --query-gpu=index,name,memory.total,mig.mode.current --format=csv",
          "index, name, memory.total [MiB], mig.mode.current\n"
          "0, NVIDIA A100-SXM4-80GB, 81920 MiB, Enabled\n1, NVIDIA A100-SXM4-80GB, 81920 MiB, "
          "Disabled\n");
  const host::Output list = Ran("nvidia-smi -L",
                                "GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-1)\nGPU 1: NVIDIA "
                                "A100-SXM4-80GB (UUID: GPU-2)\n");
  const host::Output xml =
      Ran("nvidia-smi -q -x",
          "<nvidia_smi_log><gpu id=\"00000000:01:00.0\"><product_name>NVIDIA A100-SXM4-80GB"
          "</product_name><minor_number>0</minor_number><mig_mode><current_mig>Enabled"
          "</current_mig></mig_mode><mig_devices>None</mig_devices></gpu></nvidia_smi_log>\n");
  const Report report = ReportOf({query, list}, Together({}));
  ASSERT_THAT(report.accelerators, SizeIs(2));
  EXPECT_EQ(report.accelerators[0].name, "NVIDIA A100-SXM4-80GB");
  EXPECT_EQ(report.accelerators[0].fault, Fault::kNoInstance);
  EXPECT_EQ(report.accelerators[0].memory_bytes, std::nullopt);
  EXPECT_EQ(report.accelerators[1].name, "NVIDIA A100-SXM4-80GB");
  EXPECT_EQ(report.accelerators[1].fault, Fault::kNone);
  EXPECT_THAT(UnknownsOf(report, "nvidia-smi"),
              Contains(HasSubstr("because MIG is on and no instance is made on it")));
  const Report alone = ReportOf({xml}, Together({}));
  ASSERT_THAT(alone.accelerators, SizeIs(1));
  EXPECT_EQ(alone.accelerators[0].fault, Fault::kNoInstance);
  // Where no list that shows instances is in the capture there may be some.
  EXPECT_EQ(ReportOf({query}, Together({})).accelerators[0].fault, Fault::kNone);
}

TEST(Mig, OlderListsSayTheInstance) {
  const std::string gpu = "2fa5cf01-9520-1bc1-995b-cc0c6d9bca7c";
  const auto cards = ParseNvidiaSmi(
      {"nvidia-smi", "-L"},
      "GPU 0: A100-SXM4-40GB (UUID: GPU-" + gpu + ")\n  MIG 1c.3g.20gb Device 0: (UUID: MIG-GPU-" +
          gpu + "/1/0)\n  MIG 1c.3g.20gb Device 1: (UUID: MIG-GPU-" + gpu + "/2/0)\n");
  ASSERT_TRUE(cards.has_value());
  ASSERT_THAT(cards->cards[0].slices, SizeIs(2));
  EXPECT_EQ(cards->cards[0].slices[0].instance, 1u);
  EXPECT_EQ(cards->cards[0].slices[1].instance, 2u);
}

}  // namespace
}  // namespace capacity::probe
