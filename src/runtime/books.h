// The books of a job that has ended: double entry. Each node counts the rows that it hands on and
// each node behind it those that arrive, so a row lost in a queue or an exchange shows.
#pragma once

#include <string>
#include <vector>

#include "runtime/assembly.h"

namespace millrace {

// Where the two sides differ, one line each; empty: the books balance. Call when all tasks rest.
std::vector<std::string> Imbalances(const Assembly& assembly);

}  // namespace millrace
