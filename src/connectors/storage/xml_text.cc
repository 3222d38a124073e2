#include "connectors/storage/xml_text.h"

#include <charconv>

namespace millrace {
namespace {

struct Entity {
  std::string_view name;
  char character;
};
constexpr Entity kEntities[] = {
    {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};

// Cuts the first <name>...</name> off `xml` and returns what is in it; false if there is none.
bool TakeElement(std::string_view& xml, std::string_view name, std::string_view* content) {
  const std::string opening = "<" + std::string(name), closing = "</" + std::string(name) + ">";
  for (size_t begin = xml.find(opening); begin != xml.npos; begin = xml.find(opening, begin + 1)) {
    const size_t after = begin + opening.size();
    const size_t tag_end = xml.find('>', after);
    if (tag_end == xml.npos) return false;
    if (tag_end != after && xml[after] != ' ' && xml[after] != '/') continue;  // a longer name
    const bool empty = xml[tag_end - 1] == '/';
    const size_t end = empty ? tag_end + 1 : xml.find(closing, tag_end);
    if (end == xml.npos) return false;
    *content = empty ? std::string_view() : xml.substr(tag_end + 1, end - tag_end - 1);
    xml.remove_prefix(empty ? end : end + closing.size());
    return true;
  }
  return false;
}

// Appends what a numeric entity "&#34;" at the front of `text` stands for, if it is ASCII.
size_t TakeNumeric(std::string_view text, std::string* out) {
  const size_t end = text.find(';');
  if (!text.starts_with("&#") || end == text.npos || end > 8) return 0;
  const bool hex = text[2] == 'x';
  int code = 0;
  std::from_chars(text.data() + (hex ? 3 : 2), text.data() + end, code, hex ? 16 : 10);
  if (code <= 0 || code >= 0x80) return 0;
  *out += static_cast<char>(code);
  return end + 1;
}

}  // namespace

std::string_view XmlElement(std::string_view xml, std::string_view name) {
  std::string_view content;
  return TakeElement(xml, name, &content) ? content : std::string_view();
}

std::vector<std::string_view> XmlElements(std::string_view xml, std::string_view name) {
  std::vector<std::string_view> contents;
  std::string_view content;
  while (TakeElement(xml, name, &content)) contents.push_back(content);
  return contents;
}

std::string XmlText(std::string_view xml, std::string_view name) {
  std::string_view raw = XmlElement(xml, name);
  std::string text;
  while (!raw.empty()) {
    size_t taken = TakeNumeric(raw, &text);
    for (const Entity& entity : kEntities) {
      if (taken > 0 || !raw.starts_with(entity.name)) continue;
      text += entity.character;
      taken = entity.name.size();
    }
    if (taken == 0) {
      text += raw.front();
      taken = 1;
    }
    raw.remove_prefix(taken);
  }
  return text;
}

std::string XmlEscaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    std::string_view name;
    for (const Entity& entity : kEntities) {
      if (entity.character == c) name = entity.name;
    }
    if (name.empty()) {
      escaped += c;
    } else {
      escaped += name;
    }
  }
  return escaped;
}

}  // namespace millrace
