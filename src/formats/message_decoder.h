// Decodes messages into a table's rows: one format for the value, one for the key, and metadata.
//
//   message  = key bytes, value bytes, offset, timestamp, headers
//   row      = columns from the value | columns from the key | metadata columns
//
// A message whose key or value cannot be read is one dead letter. A NULL value is no row, unless it
// means that the row of its key is deleted (upserts).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "formats/format.h"
#include "formats/messages.h"

namespace millrace {

// Which columns a format decodes, and where they go.
struct MessagePart {
  std::string format;        // "json"; "": the part is not read
  Options options;           // "json.fail-on-missing-field", ...
  Schema all;                // all columns of the part, named as the format knows them
  Schema columns;            // those that are wanted
  std::vector<int> targets;  // the output column of each
  size_t metadata = 0;       // how many of them, the last, are what the format tells beside the row
};

struct MessageSpec {
  Schema output;  // the last ones are `metadata`
  MessagePart value, key;
  // "topic", "offset", ...: see message_metadata.h; and others, which `value` fills in.
  std::vector<std::string> metadata;
  bool upsert = false;  // rows replace those of the same key; NULL values delete them
};

Result<std::unique_ptr<Decoder>> MakeMessageDecoder(MessageSpec spec);

}  // namespace millrace
