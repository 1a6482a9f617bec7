// Macs and the cables between them, and what is said of them.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "node-agent/doctor/doctor.h"

namespace capacity::doctor {

// For messages of failures.
inline void PrintTo(const Advice& advice, std::ostream* out) {
  *out << "\n  " << static_cast<int>(advice.severity) << " " << advice.patient << ": "
       << advice.finding << " | " << advice.remedy;
}

// A Mac with `ports` receptacles; RDMA enabled.
inline agent::Report MacWith(int ports) {
  agent::Report report;
  report.machine = {"Apple", "Mac mini", "Mac16,11", agent::Machine::Kind::kMac};
  report.rdma = {agent::Rdma::State::kEnabled, "ibv_devices lists 3 devices"};
  for (int i = 1; i <= ports; ++i) {
    agent::Port port;
    port.kind = agent::Port::Kind::kThunderbolt;
    port.name = "receptacle " + std::to_string(i);
    port.interfaces = {"en" + std::to_string(i + 1)};
    port.state = agent::Port::State::kEmpty;
    port.rdma_capable = true;
    report.ports.push_back(port);
  }
  return report;
}

inline void Cable(agent::Report& a, int port_a, const std::string& domain_a, agent::Report& b,
                  int port_b, const std::string& domain_b) {
  const auto plug = [](agent::Port& port, const std::string& own, const std::string& other) {
    port.state = agent::Port::State::kUp;
    port.negotiated_bits_per_second = 80e9;
    port.peer_name = "Mac mini";
    port.peer_offers_rdma = true;
    port.rdma_active = true;
    port.domain = own;
    port.peer_domain = other;
  };
  plug(a.ports[port_a], domain_a, domain_b);
  plug(b.ports[port_b], domain_b, domain_a);
}

inline auto Problem(const std::string& finding, const std::string& remedy) {
  return ::testing::AllOf(::testing::Field(&Advice::severity, Advice::Severity::kProblem),
                          ::testing::Field(&Advice::finding, ::testing::HasSubstr(finding)),
                          ::testing::Field(&Advice::remedy, ::testing::HasSubstr(remedy)));
}

inline auto Note(const std::string& finding) {
  return ::testing::AllOf(::testing::Field(&Advice::severity, Advice::Severity::kNote),
                          ::testing::Field(&Advice::finding, ::testing::HasSubstr(finding)));
}

inline auto Good(const std::string& finding) {
  return ::testing::AllOf(::testing::Field(&Advice::severity, Advice::Severity::kGood),
                          ::testing::Field(&Advice::finding, ::testing::HasSubstr(finding)));
}

inline long Problems(const std::vector<Advice>& advice) {
  return std::count_if(advice.begin(), advice.end(), [](const Advice& one) {
    return one.severity == Advice::Severity::kProblem;
  });
}

inline auto NoProblem() {
  return ::testing::Each(
      ::testing::Field(&Advice::severity, ::testing::Not(Advice::Severity::kProblem)));
}

// `count` Macs with `ports` receptacles each.
inline std::vector<agent::Report> Macs(int count, int ports) {
  return std::vector<agent::Report>(static_cast<std::size_t>(count), MacWith(ports));
}

// Cables `a` and `b` in their first free ports.
inline void Join(std::vector<agent::Report>& macs, int a, int b) {
  const auto free = [](const agent::Report& mac) {
    for (int i = 0; i < static_cast<int>(mac.ports.size()); ++i) {
      if (mac.ports[i].state == agent::Port::State::kEmpty) return i;
    }
    return -1;
  };
  const std::string cable = std::to_string(a) + "-" + std::to_string(b);
  Cable(macs[a], free(macs[a]), cable + "a", macs[b], free(macs[b]), cable + "b");
}

inline std::vector<Patient> Patients(const std::vector<agent::Report>& macs) {
  std::vector<Patient> patients;
  for (std::size_t i = 0; i < macs.size(); ++i) {
    patients.push_back({"mac-" + std::to_string(i), macs[i]});
  }
  return patients;
}

}  // namespace capacity::doctor
