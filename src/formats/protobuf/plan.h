// Which fields of a message go with which columns: for reading and for writing. Each reader and
// writer has a plan of its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/type.h"
#include "formats/format.h"
#include "formats/protobuf/descriptor.h"

namespace millrace {

struct ProtoPlan;

// A field and its column; of a repeated field, `item` is one of its values.
struct ProtoColumn {
  const ProtoField* field = nullptr;
  SqlType type;                     // of the column
  SqlType item;                     // of a value: the column's, or its element's
  bool fills_default = false;       // where the field is missing: its default, not NULL
  std::shared_ptr<ProtoPlan> plan;  // of a message, and of a map's entries
  int64_t items = 0;                // for the reader: of a repeated field of the message being read
};

struct ProtoPlan {
  const ProtoMessage* message = nullptr;
  std::vector<ProtoColumn> columns;  // in the table's order
  std::vector<int> by_number;        // the column of a field's number; -1: none. Numbers beyond
                                     // its size are looked for in `columns`.
  bool has_repeated = false;
  // The column of field `number`; -1: nobody wants it.
  int Find(uint32_t number) const {
    if (number < by_number.size()) return by_number[number];
    for (size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].field->number == number) return static_cast<int>(i);
    }
    return -1;
  }
};

struct ProtobufSettings {
  std::shared_ptr<const ProtoDescriptors> descriptors;
  const ProtoMessage* message = nullptr;
  bool ignore_errors = false;
  bool fill_defaults = false;
  std::string null_text;
  // Reads and checks the options "protobuf.*", and the descriptor file.
  static Result<ProtobufSettings> Read(const Options& options);
};

// Matches columns with the fields of `message` by name. Fails for a column that has no field, or
// one that its type does not go with.
Result<std::shared_ptr<ProtoPlan>> PlanProtobuf(const ProtoMessage& message,
                                                const std::vector<RowField>& columns,
                                                const ProtobufSettings& settings);
std::vector<RowField> FieldsOf(const Schema& schema);

}  // namespace millrace
