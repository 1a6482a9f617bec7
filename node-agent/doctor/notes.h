// Findings while they are made.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "node-agent/doctor/doctor.h"

namespace capacity::doctor {

class Notes {
 public:
  // `patient` empty: about all of them together.
  Notes(std::string patient, std::vector<Advice>& advice)
      : patient_(std::move(patient)), advice_(advice) {}
  void Good(std::string finding) { Add(Advice::Severity::kGood, std::move(finding), ""); }
  void Note(std::string finding) { Add(Advice::Severity::kNote, std::move(finding), ""); }
  void Problem(std::string finding, std::string remedy) {
    Add(Advice::Severity::kProblem, std::move(finding), std::move(remedy));
  }

 private:
  void Add(Advice::Severity severity, std::string finding, std::string remedy) {
    advice_.push_back({severity, patient_, std::move(finding), std::move(remedy)});
  }
  std::string patient_;
  std::vector<Advice>& advice_;
};

// "receptacle 2 (en3)".
std::string Described(const agent::Port& port);
// "80 Gb/s".
std::string Gigabits(double bits_per_second);

}  // namespace capacity::doctor
