// What the formats of Avro messages share.
#pragma once

#include <string>
#include <string_view>

#include "formats/avro/reader.h"

namespace millrace {

// Appends the values of `record`, the whole of it, to `rows`. Returns why it is no row, else "".
std::string AppendAvroRecord(AvroReader& reader, std::string_view record, RowsBuilder& rows);

}  // namespace millrace
