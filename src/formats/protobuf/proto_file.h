// Reads .proto files, the text that protoc reads (syntax proto2 and proto3), into descriptions of
// messages. What says nothing of messages (services, extensions, options) is passed over.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "formats/protobuf/descriptor.h"

namespace millrace {

// The text of the file that an `import` names.
using ProtoImporter = std::function<Result<std::string>(const std::string& name)>;

// The messages of the text and of all that it imports. Errors name file and line.
Result<std::shared_ptr<const ProtoDescriptors>> ParseProtoText(const std::string& name,
                                                               const std::string& text,
                                                               const ProtoImporter& import);

// The same for a file. Imports are looked for in its folder and in the folders above that;
// google/protobuf/timestamp.proto and its like need not be there.
Result<std::shared_ptr<const ProtoDescriptors>> ReadProtoFile(const std::string& path);

}  // namespace millrace
