// ORDER BY: rows are kept until their time has come, then emitted in order. By time: a row comes out
// when the watermark has reached its time; one that comes later than that is dropped as late. Without
// a time column all rows come out when the input has ended. NULL counts as the lowest value, equal
// rows keep the order of their arrival. By time the input must be insert-only; else rows that have been
// taken back are left out.
#pragma once

#include <memory>
#include <vector>

#include "data/message.h"
#include "operators/operator.h"

namespace millrace {

struct SortSpec {
  struct Key {
    int column = -1;
    bool descending = false;
  };
  std::vector<Key> keys;  // the time first if there is one
  int time_column = -1;   // timestamp[ms]; -1: rows wait for the end
  TimeDomain domain = TimeDomain::kEvent;
  std::shared_ptr<arrow::Schema> output;  // the input's
};

std::unique_ptr<Operator> MakeSort(SortSpec spec);

}  // namespace millrace
