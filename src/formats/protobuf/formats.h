// The format 'protobuf': each message is one of Protocol Buffers' messages, described by a file
// that `protoc --include_imports --descriptor_set_out=FILE` writes.
//
//   field                      column
//   bool                       BOOLEAN
//   any integer                TINYINT ... BIGINT (a value beyond its range is an error of its row)
//   float, double              FLOAT, DOUBLE
//   string                     STRING
//   bytes                      BYTES
//   enum                       STRING (the value's name), or an integer (its number)
//   message                    ROW, by names
//   repeated                   ARRAY
//   map                        MAP
//
// A field that is not in a message is NULL; numbers, texts and flags of proto3 without `optional`
// have their default value instead, as has everything with protobuf.read-default-values. Columns
// that the message type does not have are an error. Of a field that stands in a message more than
// once the last one counts.
#pragma once

#include <memory>

#include "formats/record_decoder.h"
#include "formats/record_encoder.h"

namespace millrace {

Result<std::unique_ptr<RecordDecoder>> MakeProtobufDecoder(const Schema& schema,
                                                           const Options& options);
Result<std::unique_ptr<RecordEncoder>> MakeProtobufEncoder(const Schema& schema,
                                                           const Options& options);

}  // namespace millrace
