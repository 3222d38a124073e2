// Avro's JSON encoding ('avro.encoding' = 'json'), turned into the binary one and back, so that one
// reader and one writer do for both.
//
//   null, boolean, int, long, float, double    as JSON has them; "NaN", "Infinity", "-Infinity"
//   string, enum                               a string
//   bytes, fixed                               a string: a character 0 to 255 for each byte
//   record, map; array                         an object; an array
//   union                                      null, or an object of one member: {"string": "x"}
//
// Fields may stand in any order; those that the schema does not have are passed over.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "formats/avro/schema.h"

namespace millrace {

// Owned by one thread.
class AvroJsonReader {
 public:
  AvroJsonReader();
  ~AvroJsonReader();

  // Turns `json`, a value of `type`, into its binary record, in `binary`. Returns why it is none,
  // else "".
  std::string ToBinary(const AvroType& type, std::string_view json, std::string* binary);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

// Appends the binary record `binary`, a value of `type` that AvroWriter has made, to `json`.
void AppendAvroJson(const AvroType& type, std::string_view binary, std::string* json);

}  // namespace millrace
