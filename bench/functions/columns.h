// The input of the benchmarks: one batch of made-up rows under a seed.
#pragma once

#include <arrow/array.h>
#include <arrow/record_batch.h>

#include <memory>

#include "plan/scope.h"

namespace millrace::bench {

// As many rows as a batch of the engine has at most, so that what is measured stays in the caches.
inline constexpr int64_t kRows = 4096;

//   word     12 letters, capitals among them        padded   the same between blanks
//   city     words beyond ASCII                     path     "/shop/p/4711/view"
//   url      80 bytes, "channel_id=" in every 2nd   agent    a User-Agent header of 110 bytes
//   json     90 bytes: numbers, text, an array, an object in it
//   n BIGINT, i INT, x DOUBLE, price DECIMAL(12, 2), ts TIMESTAMP(3) in order, at TIMESTAMP(3) in none
//   n_text, x_text, price_text, ts_text, day_text, flag_text: the same as text
class Columns {
 public:
  Columns();

  const arrow::RecordBatch& batch() const { return *batch_; }
  // The columns by name, for the binder.
  const Scope& scope() const { return scope_; }
  std::shared_ptr<arrow::Array> Get(const char* name) const;
  const arrow::StringArray& Texts(const char* name) const;

 private:
  std::shared_ptr<arrow::RecordBatch> batch_;
  Scope scope_;
};

}  // namespace millrace::bench
