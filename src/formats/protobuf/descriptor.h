// Descriptions of Protocol Buffers' messages, read from a serialized FileDescriptorSet (which is
// itself such a message: descriptor.proto has its fields' numbers).
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millrace {

// As descriptor.proto numbers them.
enum class ProtoType : uint8_t {
  kDouble = 1, kFloat, kInt64, kUint64, kInt32, kFixed64, kFixed32, kBool, kString, kGroup,
  kMessage, kBytes, kUint32, kEnum, kSfixed32, kSfixed64, kSint32, kSint64,
};

struct ProtoMessage;

struct ProtoEnum {
  std::string name;  // full
  std::map<int32_t, std::string> values;  // of aliases, the first name
};

struct ProtoField {
  std::string name;
  uint32_t number = 0;
  ProtoType type = ProtoType::kInt32;
  bool repeated = false;
  bool packed = false;
  bool has_presence = false;       // a message says whether it is there
  std::string default_value;       // of proto2, as text
  std::string type_name;           // of messages and enums, full
  const ProtoMessage* message = nullptr;
  const ProtoEnum* values = nullptr;
};

struct ProtoMessage {
  std::string name;  // full: "shop.Order"
  bool is_map_entry = false;
  std::vector<ProtoField> fields;
};

// Immutable.
class ProtoDescriptors {
 public:
  // Reads the bytes of a FileDescriptorSet.
  static Result<std::shared_ptr<const ProtoDescriptors>> Parse(std::string_view bytes);
  // The message of that full name ('$' may stand for '.'), or of that bare name if only one has it.
  // The error names the nearest.
  Result<const ProtoMessage*> Find(std::string name) const;

 private:
  friend class DescriptorReader;
  friend class ProtoFileReader;
  std::deque<ProtoMessage> messages_;
  std::deque<ProtoEnum> enums_;
};

}  // namespace millrace
