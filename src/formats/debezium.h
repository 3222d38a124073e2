// The format 'debezium-json': changes of a database's rows, each with what stood there before and
// what stands there after it.
#pragma once

#include <memory>
#include <string>

#include "formats/format.h"
#include "formats/record_encoder.h"

namespace millrace {

// True for formats whose records say what becomes of rows: they are read as a changelog, and one
// can be written.
inline bool IsChangelogFormat(const std::string& format) { return format == "debezium-json"; }

// The last `metadata` columns of `schema` are named by their keys (debezium_metadata.h).
Result<std::unique_ptr<Decoder>> MakeDebeziumDecoder(const Schema& schema, size_t metadata,
                                                     const Options& options);
// One record a line, each a row added.
Result<std::unique_ptr<Encoder>> MakeDebeziumEncoder(const Schema& schema, const Options& options);
Result<std::unique_ptr<RecordEncoder>> MakeDebeziumRecordEncoder(const Schema& schema,
                                                                 const Options& options);
std::vector<std::string> DebeziumOptionNames();

}  // namespace millrace
