// Compression of the blocks of Avro's container files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace millrace {

// "null", "deflate", "snappy", "zstandard"; others are an error that names these.
Status CheckAvroCodec(std::string_view codec);
Result<std::string> CompressAvroBlock(std::string_view codec, std::string_view bytes);
// Fails for what is not compressed so, and where more than `limit` bytes come out.
Result<std::string> DecompressAvroBlock(std::string_view codec, std::string_view bytes,
                                        int64_t limit);

}  // namespace millrace
