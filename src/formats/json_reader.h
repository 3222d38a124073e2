// Reads one JSON record from simdjson's structural index: the positions of { } [ ] : , and of the
// first byte of every string and scalar. A token's text ends before the next token, so a record is
// read by one walk over the index, into the columns, without a tree.
//
//   {"user": "ann", "price": 12}
//   ^^     ^ ^    ^ ^      ^ ^ ^     the index
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "formats/columns.h"
#include "formats/json_text.h"

namespace millrace {

class JsonReader {
 public:
  // `lenient`: a field of the wrong type becomes NULL.
  JsonReader(RowsBuilder& rows, bool lenient);

  // The index is of `text`, which has 64 readable bytes behind it, and ends with a position that
  // lies behind every line.
  void SetText(const char* text, const uint32_t* tokens) {
    text_ = text;
    token_ = tokens;
  }
  // True if the line that ends at `line_end` has no token.
  bool IsBlank(size_t line_end) const { return *token_ >= line_end; }
  // Reads the record of the line into the columns, without ending the row. False: see error();
  // the columns may then be half-written.
  bool ReadLine(size_t line_start, size_t line_end);
  // Goes to the first token at or behind `position`.
  void SkipTo(size_t position) {
    while (*token_ < position) ++token_;
  }
  const std::string& error() const { return error_; }

 private:
  // A column, or a member of a nested one.
  struct Node {
    std::string name;  // for messages
    ColumnBuilder* column = nullptr;
    TypeKind kind = TypeKind::kNull;
    KeyFinder keys{{}};
    std::vector<std::unique_ptr<Node>> members;
  };
  static std::unique_ptr<Node> MakeNode(const std::string& name, ColumnBuilder& column);

  char Char(const uint32_t* token) const { return *token < line_end_ ? text_[*token] : '\0'; }
  std::string_view Scalar(const uint32_t* token) const;

  // All of these read the value at `token` and return the token behind it. Null: it is not of the
  // type, or, with failed_, the record is bad.
  const uint32_t* Broken(const uint32_t* token, const char* what);
  const uint32_t* ReadObject(const uint32_t* token, Node& node, int64_t row);
  const uint32_t* Read(const uint32_t* token, Node& node);
  const uint32_t* ReadTyped(const uint32_t* token, Node& node);
  const uint32_t* WrongType(const uint32_t* token, Node& node, int64_t size);
  const uint32_t* ReadNull(const uint32_t* token, ColumnBuilder& column);
  const uint32_t* ReadInteger(const uint32_t* token, ColumnBuilder& column);
  const uint32_t* ReadDouble(const uint32_t* token, ColumnBuilder& column);
  const uint32_t* ReadReal(const uint32_t* token, ColumnBuilder& column);
  const uint32_t* ReadBoolean(const uint32_t* token, ColumnBuilder& column);
  const uint32_t* ReadString(const uint32_t* token, ColumnBuilder& column);
  const uint32_t* ReadAsText(const uint32_t* token, ColumnBuilder& column);
  const uint32_t* ReadTimestamp(const uint32_t* token, ColumnBuilder& column);
  const uint32_t* ReadQuoted(const uint32_t* token, ColumnBuilder& column);
  const uint32_t* ReadArray(const uint32_t* token, Node& node);
  const uint32_t* ReadMap(const uint32_t* token, Node& node);
  const uint32_t* ReadRow(const uint32_t* token, Node& node);
  const uint32_t* Skip(const uint32_t* token, int depth);
  const uint32_t* SkipObject(const uint32_t* token, int depth);
  const uint32_t* SkipArray(const uint32_t* token, int depth);
  const uint32_t* SkipScalar(const uint32_t* token);

  RowsBuilder& rows_;
  Node root_;
  bool lenient_;
  const char* text_ = nullptr;
  const uint32_t* token_ = nullptr;
  size_t line_start_ = 0;
  size_t line_end_ = 0;
  bool failed_ = false;  // error_ is set
  std::string error_;
};

}  // namespace millrace
