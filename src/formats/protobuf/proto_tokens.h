// The words of a .proto file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millrace {

struct ProtoToken {
  enum class Kind { kName, kNumber, kString, kSymbol, kEnd };
  Kind kind = Kind::kEnd;
  std::string text;  // kName: with its dots, "a.b.C"; kString: what it stands for; kEnd: "the end"
  int line = 1;

  bool Is(char symbol) const { return kind == Kind::kSymbol && text[0] == symbol; }
  bool Is(std::string_view name) const { return kind == Kind::kName && text == name; }
};

// The words of `text` and kEnd behind them, without white space and comments.
Result<std::vector<ProtoToken>> ProtoTokens(std::string_view text);

}  // namespace millrace
