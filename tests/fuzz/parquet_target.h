// Files of Parquet that are damaged in some bytes; see parquet_target.cc.
#pragma once

#include <string_view>

#include "data/type.h"

namespace millrace {

// Damages a file with `columns` as `edits` say and reads it: batches that come out must be valid.
void RunParquet(const Schema& columns, std::string_view edits);

}  // namespace millrace
