// Materializes a changelog for a sink whose key is not the query's: rows of one key may stand beside
// each other there, and changes of them come in any order. Keeps all rows of a key in the order of
// arrival and emits the changes of the last one, as Flink's SinkUpsertMaterializer does.
#pragma once

#include <memory>
#include <vector>

#include "operators/operator.h"

namespace millrace {

struct MaterializeSpec {
  std::vector<int> keys;  // columns: the sink's key
  std::shared_ptr<arrow::Schema> output;  // the input's; no nested columns
};

std::unique_ptr<Operator> MakeMaterialize(MaterializeSpec spec);

}  // namespace millrace
