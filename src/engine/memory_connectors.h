// Sources and sinks inside the process: the rows of VALUES, and the results of a SELECT.
#pragma once

#include <memory>

#include "connectors/sink.h"
#include "connectors/source.h"
#include "data/type.h"
#include "engine/engine.h"

namespace millrace {

// Yields `rows` once, then ends.
std::unique_ptr<Source> MakeValuesSource(std::shared_ptr<arrow::RecordBatch> rows);
// Hands rows to `results` as they come, at least once.
std::unique_ptr<Sink> MakeResultWriter(Schema schema, bool updating, ResultSink* results);
// Hands rows to `results` once their epoch is committed; each epoch once, if `results` keeps count.
std::unique_ptr<Sink> MakeCommittedResultWriter(Schema schema, bool updating, ResultSink* results);
// `sink`, with `tell` told of all rows that are written into it.
std::unique_ptr<Sink> MakeTap(std::unique_ptr<Sink> sink, std::string table,
                              std::function<void(const std::string&, const Batch&)> tell);

}  // namespace millrace
