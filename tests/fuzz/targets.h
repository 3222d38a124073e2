// The parsers of outside bytes, as functions that take any bytes. They return normally or abort: on
// a crash, and where what came out contradicts itself (a batch that is not valid, a record that is
// neither a row nor a dead letter). Used by libFuzzer (fuzz_main.cc) and by mutation_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace {

struct FuzzTarget {
  const char* name;  // also its folder in corpus/
  void (*run)(std::string_view input);
};

// sql, json, csv, regex, raw, cast, parquet, avro, protobuf, debezium, iceberg.
const std::vector<FuzzTarget>& FuzzTargets();

}  // namespace millrace
