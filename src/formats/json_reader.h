// Reads one JSON record from simdjson's structural index: the positions of { } [ ] : , and of the first
// byte of every string and scalar. A token's text ends before the next token, so a record is read by
// one walk over the index, into the columns, without a tree.
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

  // The index is of `text`, which has 64 readable bytes behind it, and ends with a position that lies
  // behind every line.
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
    KeyFinder keys{{}};
    std::vector<std::unique_ptr<Node>> members;
  };
  static std::unique_ptr<Node> MakeNode(const std::string& name, ColumnBuilder& column);

  char Char() const { return *token_ < line_end_ ? text_[*token_] : '\0'; }
  std::string_view Scalar() const;
  bool Broken(const char* what);

  bool ReadObject(Node& node, int64_t row);
  bool Read(Node& node);
  bool ReadTyped(Node& node);
  bool ReadInteger(ColumnBuilder& column);
  bool ReadReal(ColumnBuilder& column);
  bool ReadBoolean(ColumnBuilder& column);
  bool ReadString(ColumnBuilder& column);
  bool ReadAsText(ColumnBuilder& column);
  bool ReadQuoted(ColumnBuilder& column);
  bool ReadArray(Node& node);
  bool ReadMap(Node& node);
  bool ReadRow(Node& node);
  bool ReadNull();
  bool WrongType(Node& node, const uint32_t* start, int64_t size);

  bool Skip(int depth = 0);
  bool SkipObject(int depth);
  bool SkipArray(int depth);
  bool SkipScalar();

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
