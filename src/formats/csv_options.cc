#include "formats/csv_options.h"

#include "formats/options.h"

namespace millrace {
namespace {

// Java escapes, since Flink unescapes the delimiter: "\t", "\\", "\u0001".
std::string Unescape(const std::string& text) {
  if (text.size() < 2 || text[0] != '\\') return text;
  switch (text[1]) {
    case 't':
      return "\t";
    case 'n':
      return "\n";
    case 'r':
      return "\r";
    case '\\':
      return "\\";
    case '0':
      return std::string(1, '\0');
    case 'u': {
      const long code = std::strtol(text.c_str() + 2, nullptr, 16);
      return text.size() == 6 && code < 128 ? std::string(1, static_cast<char>(code)) : text;
    }
    default:
      return text;
  }
}

Status ReadCharacter(const Options& options, const std::string& key, char* character) {
  const auto found = options.find(key);
  if (found == options.end()) return Status::OK();
  const std::string text = Unescape(found->second);
  if (text.size() != 1) {
    return UserError("option '{}': '{}' is not one ASCII character", key, found->second);
  }
  *character = text.front();
  return Status::OK();
}

}  // namespace

Result<CsvOptions> CsvOptions::Read(const Options& options) {
  CsvOptions csv;
  MILL_RETURN(ReadCharacter(options, "csv.field-delimiter", &csv.delimiter));
  MILL_RETURN(ReadCharacter(options, "csv.quote-character", &csv.quote));
  MILL_RETURN(ReadCharacter(options, "csv.escape-character", &csv.escape));
  MILL_ASSIGN(bool unquoted, BoolOption(options, "csv.disable-quote-character", false));
  if (unquoted && options.contains("csv.quote-character")) {
    return UserError("csv.quote-character and csv.disable-quote-character cannot both be given");
  }
  csv.quoting = !unquoted;
  MILL_ASSIGN(csv.allow_comments, BoolOption(options, "csv.allow-comments", false));
  MILL_ASSIGN(csv.lenient, BoolOption(options, "csv.ignore-parse-errors", false));
  MILL_ASSIGN(csv.header, BoolOption(options, "csv.header", false));
  MILL_ASSIGN(csv.scientific_decimals,
              BoolOption(options, "csv.write-bigdecimal-in-scientific-notation", true));
  csv.element_delimiter = StringOption(options, "csv.array-element-delimiter", ";");
  if (csv.element_delimiter.empty()) {
    return UserError("option 'csv.array-element-delimiter' is empty");
  }
  const auto null_literal = options.find("csv.null-literal");
  if (null_literal != options.end()) csv.null_literal = null_literal->second;
  return csv;
}

}  // namespace millrace
