// The format 'raw' for records that stand alone: the whole record is one value. Texts and bytes are
// as they are, numbers in two's complement or IEEE 754, BOOLEAN one byte, as in Flink.
#pragma once

#include <memory>
#include <string>

#include "formats/record_decoder.h"
#include "formats/record_encoder.h"

namespace millrace {

Result<std::unique_ptr<RecordDecoder>> MakeRawRecordDecoder(const Schema& schema, const Schema& all,
                                                            const Options& options);
Result<std::unique_ptr<RecordEncoder>> MakeRawRecordEncoder(const Schema& schema,
                                                            const Options& options);

}  // namespace millrace
