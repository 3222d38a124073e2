// The formats 'avro' and 'avro-confluent', as makers for messages and for files.
#pragma once

#include <memory>

#include "formats/file_encoder.h"
#include "formats/record_decoder.h"
#include "formats/record_encoder.h"

namespace millrace {

// 'avro': each message is a record of the schema that Flink derives from the columns.
Result<std::unique_ptr<RecordDecoder>> MakeAvroDecoder(const Schema& schema, const Schema& all,
                                                       const Options& options);
Result<std::unique_ptr<RecordEncoder>> MakeAvroEncoder(const Schema& schema,
                                                       const Options& options);
// And each file is a container file.
Result<FileEncoderMaker> MakeAvroEncoderMaker(const Schema& schema, const Options& options);

// 'avro-confluent': a zero, four bytes of the schema's id in the registry, a record.
Result<std::unique_ptr<RecordDecoder>> MakeConfluentDecoder(const Schema& schema,
                                                            const Options& options);
Result<std::unique_ptr<RecordEncoder>> MakeConfluentEncoder(const Schema& schema,
                                                            const Options& options);

}  // namespace millrace
