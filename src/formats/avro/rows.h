// What the formats of Avro messages share.
#pragma once

#include <string>
#include <string_view>

#include "formats/avro/reader.h"

namespace millrace {

// Reads `record`, the whole of it, as the next row of `rows`. Returns why it is none, "" if it is.
std::string ReadAvroRow(AvroReader& reader, std::string_view record, RowsBuilder& rows);

}  // namespace millrace
