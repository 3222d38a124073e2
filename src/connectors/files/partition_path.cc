#include "connectors/files/partition_path.h"

#include <fmt/format.h>

#include <charconv>

namespace millrace {

std::string EscapePathName(std::string_view text) {
  constexpr std::string_view kSpecial = "\"#%'*/:=?\\\x7F{[]^";
  std::string out;
  for (const char c : text) {
    if ((c >= 0 && c < 0x20) || kSpecial.find(c) != std::string_view::npos) {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::string UnescapePathName(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    if (text[i] == '%' && i + 2 < text.size()) {
      const char* digits = text.data() + i + 1;
      const auto [stop, error] = std::from_chars(digits, digits + 2, code, 16);
      if (error == std::errc() && stop == digits + 2) {
        out += static_cast<char>(code);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

std::optional<std::string> PartitionValue(std::string_view path, std::string_view name) {
  const std::string key = EscapePathName(name) + "=";
  std::optional<std::string> value;
  while (true) {
    const size_t slash = path.find('/');
    if (slash == std::string_view::npos) return value;  // what remains is the file
    const std::string_view folder = path.substr(0, slash);
    if (folder.starts_with(key)) value = UnescapePathName(folder.substr(key.size()));
    path.remove_prefix(slash + 1);
  }
}

}  // namespace millrace
