// Counts the rows that a decoder refuses; each must say why.
#pragma once

#include <cstdint>

#include "formats/format.h"

namespace millrace {

class DeadCount : public DeadLetters {
 public:
  void Add(const BadRow& row) override {
    MILL_CHECK(!row.reason.empty());
    ++count;
  }
  int64_t count = 0;
};

}  // namespace millrace
