// Values as Flink's tests print them: Java's toString of rows, times, collections.
#pragma once

#include <arrow/array.h>
#include <arrow/record_batch.h>

#include <string>
#include <vector>

namespace millrace::conformance {

// "2020-04-15T08:00" (LocalDateTime), "...Z" (Instant), null, true, [1, 2], {a=1}, and for rows
// within
// rows "+I[1, 2]" if `nested_kinds`, else "1,2".
std::string JavaText(const arrow::Array& array, int64_t row, bool nested_kinds);

// The cells of a row of `rows`.
std::vector<std::string> JavaCells(const arrow::RecordBatch& rows, int64_t row, bool nested_kinds);

}  // namespace millrace::conformance
