// The names of all time zones, for tests.
#pragma once

#include <fstream>
#include <string>
#include <vector>

namespace millrace::testing {

inline std::vector<std::string> ZoneNames() {
  std::ifstream table("/usr/share/zoneinfo/tzdata.zi");
  std::vector<std::string> names;
  for (std::string line; std::getline(table, line);) {
    if (line.starts_with("Z ")) names.push_back(line.substr(2, line.find(' ', 2) - 2));
  }
  return names;
}

}  // namespace millrace::testing
