// What is asked of macOS.
#pragma once

#include <chrono>

#include "node-agent/host/host.h"

namespace capacity::probe {

inline const host::Command kSysctl = {{"sysctl", "hw", "machdep.cpu", "kern.osproductversion",
                                       "kern.osversion", "kern.hostname", "iogpu"}};
inline const host::Command kSwVers = {{"sw_vers"}};
inline const host::Command kHardware = {{"system_profiler", "-json", "SPHardwareDataType"},
                                        std::chrono::seconds(15)};
inline const host::Command kDisplays = {{"system_profiler", "-json", "SPDisplaysDataType"},
                                        std::chrono::seconds(15)};
inline const host::Command kThunderbolt = {{"system_profiler", "-json", "SPThunderboltDataType"},
                                           std::chrono::seconds(15)};
inline const host::Command kVmStat = {{"vm_stat"}};
inline const host::Command kMemoryPressure = {{"memory_pressure", "-Q"}};
inline const host::Command kHardwarePorts = {{"networksetup", "-listallhardwareports"}};
inline const host::Command kIfconfig = {{"ifconfig", "-a"}};
inline const host::Command kRdmaStatus = {{"rdma_ctl", "status"}};
inline const host::Command kIbvDevices = {{"ibv_devices"}};
inline const host::Command kIbvDevinfo = {{"ibv_devinfo"}};
inline const host::Command kUname = {{"uname", "-a"}};

}  // namespace capacity::probe
