#include "data/text_table.h"

#include <algorithm>
#include <array>
#include <utility>

#include "data/pretty.h"

namespace millrace {
namespace {

// One character at the front of a text: its length in bytes, 0 if it is no UTF-8.
struct Character {
  uint32_t code = 0;
  size_t length = 0;
};

Character FirstCharacter(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || length > text.size()) return {};
  uint32_t code = first & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  constexpr std::array<uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code < 0xE000;
  if (code < kLeast[length] || code > 0x10FFFF || surrogate) return {};
  return {code, length};
}

size_t WidthOf(uint32_t code) {
  if (code >= 0x300 && code < 0x370) return 0;
  constexpr std::array<std::pair<uint32_t, uint32_t>, 8> kWide = {{{0x1100, 0x115F},
                                                                   {0x2E80, 0xA4CF},
                                                                   {0xAC00, 0xD7A3},
                                                                   {0xF900, 0xFAFF},
                                                                   {0xFE30, 0xFE6F},
                                                                   {0xFF00, 0xFF60},
                                                                   {0x1F300, 0x1FAFF},
                                                                   {0x20000, 0x3FFFD}}};
  const auto holds = [&](const auto& range) { return code >= range.first && code <= range.second; };
  return std::any_of(kWide.begin(), kWide.end(), holds) ? 2 : 1;
}

void AppendEscaped(std::string& out, unsigned char byte) {
  if (byte == '\n') {
    out += "\\n";
  } else if (byte == '\t') {
    out += "\\t";
  } else if (byte == '\r') {
    out += "\\r";
  } else {
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
  }
}

}  // namespace

std::string FormatTimestamp(Timestamp time) {
  std::string text;
  AppendTimestamp(text, time, arrow::TimeUnit::MILLI, 3);
  return text;
}

std::string Printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character next = FirstCharacter(text);
    const bool control = next.code < 0x20 || (next.code >= 0x7F && next.code < 0xA0);
    if (next.length == 0 || (control && next.length == 1)) {
      AppendEscaped(out, static_cast<unsigned char>(text.front()));
    } else if (control) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", next.code);
    } else {
      out.append(text.substr(0, next.length));
    }
    text.remove_prefix(std::max<size_t>(next.length, 1));
  }
  return out;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const Character next = FirstCharacter(text);
    if (next.length == 0) return false;
    text.remove_prefix(next.length);
  }
  return true;
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const Character next = FirstCharacter(text);
    width += next.length == 0 ? 1 : WidthOf(next.code);
    text.remove_prefix(std::max<size_t>(next.length, 1));
  }
  return width;
}

std::string Clip(std::string_view text, size_t width) {
  size_t used = 0, end = 0;
  while (end < text.size()) {
    const Character next = FirstCharacter(text.substr(end));
    used += next.length == 0 ? 1 : WidthOf(next.code);
    if (used > width) break;
    end += std::max<size_t>(next.length, 1);
  }
  return std::string(text.substr(0, end));
}

std::string Padded(std::string_view text, size_t width) {
  const size_t has = DisplayWidth(text);
  return std::string(text) + std::string(width > has ? width - has : 0, ' ');
}

std::string TextTable(const std::vector<std::string>& header,
                      const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const std::string& cell : header) widths.push_back(DisplayWidth(cell));
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], DisplayWidth(row[c]));
  }
  std::string rule = "+";
  for (const size_t width : widths) rule += std::string(width + 2, '-') + "+";
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text = "|";
    for (size_t c = 0; c < widths.size(); ++c) text += " " + Padded(cells[c], widths[c]) + " |";
    return text + "\n";
  };
  std::string text = rule + "\n" + line(header) + rule + "\n";
  for (const auto& row : rows) text += line(row);
  return text + rule + "\n";
}

}  // namespace millrace
