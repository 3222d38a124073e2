// What the csv.* options say, for decoder and encoder.
#pragma once

#include <optional>
#include <string>

#include "base/status.h"
#include "formats/format.h"

namespace millrace {

struct CsvOptions {
  char delimiter = ',';
  char quote = '"';
  char escape = '\0';  // '\0': none
  bool quoting = true;
  bool allow_comments = false;
  bool lenient = false;
  bool header = false;
  bool scientific_decimals = true;
  std::string element_delimiter = ";";
  std::optional<std::string> null_literal;

  static Result<CsvOptions> Read(const Options& options);
};

}  // namespace millrace
