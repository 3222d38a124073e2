// The parsers of messages that are no lines: Avro and Protocol Buffers.
#pragma once

#include <string_view>

namespace millrace {

// A schema in JSON up to the first newline, behind it records, and blocks of a container file.
void RunAvro(std::string_view input);
// A message of the shop of formats/protobuf/test_descriptors.h; and a descriptor set.
void RunProtobuf(std::string_view input);

}  // namespace millrace
