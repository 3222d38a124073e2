// One Avro value as a tree, found by Iceberg's field ids: manifests are small, so they need no
// columns.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"
#include "formats/avro/binary.h"
#include "formats/avro/schema.h"

namespace millrace {

struct AvroDatum {
  using List = std::vector<AvroDatum>;
  // null; boolean; int, long, enum; float; double; string, bytes, fixed; the fields of a record or
  // the items of an array (of a map: key, value, key, value ...).
  std::variant<std::monostate, bool, int64_t, float, double, std::string, List> value;
  const AvroType* type = nullptr;  // of a union: the branch that is there

  // The field of a record that has Iceberg's `field_id`; null if there is none or it is null.
  const AvroDatum* Field(int field_id) const;
  const List* list() const { return std::get_if<List>(&value); }
  int64_t IntOr(int field_id, int64_t fallback) const;
  std::string TextOr(int field_id, std::string fallback) const;
};

// Reads a value of `type` from the front of `input`. Damaged bytes are an error.
Result<AvroDatum> ReadAvroDatum(AvroInput* input, const AvroType& type);

}  // namespace millrace
