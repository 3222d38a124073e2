#include "functions/json_text.h"

#include <immintrin.h>

#include <algorithm>
#include <charconv>
#include <list>

#include "functions/utf8.h"

namespace millrace {
namespace json_text {

size_t SkipBlank(std::string_view text, size_t at) {
  if (at < text.size() && static_cast<unsigned char>(text[at]) > ' ') return at;  // most have none
  while (at < text.size() &&
         (text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r')) {
    ++at;
  }
  return at;
}

size_t SkipString(std::string_view text, size_t at) {
  const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
  for (++at; at < text.size();) {
    if (at + 16 <= text.size()) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
      const int found = _mm_movemask_epi8(
          _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
      if (found == 0) {
        at += 16;
        continue;
      }
      at += static_cast<size_t>(__builtin_ctz(static_cast<unsigned>(found)));
    }
    if (text[at] == '"') return at + 1;
    at += text[at] == '\\' ? 2 : 1;
  }
  return text.size();
}

size_t SkipScalar(std::string_view text, size_t at) {
  while (at < text.size() && text[at] != ',' && text[at] != '}' && text[at] != ']' &&
         static_cast<unsigned char>(text[at]) > ' ') {
    ++at;
  }
  return at;
}

// What opens, closes or quotes; other bytes of an object or array need no look.
bool IsMark(char c) { return c == '"' || (c | 0x20) == '{' || (c | 0x20) == '}'; }

size_t SkipValue(std::string_view text, size_t at) {
  if (at >= text.size()) return text.size();
  if (text[at] == '"') return SkipString(text, at);
  if (text[at] != '{' && text[at] != '[') return SkipScalar(text, at);
  for (size_t depth = 0; at < text.size();) {
    const char c = text[at];
    if (!IsMark(c)) {
      ++at;
    } else if (c == '"') {
      at = SkipString(text, at);
    } else {
      ++at;
      if ((c | 0x20) == '{') ++depth;
      else if (--depth == 0) return at;
    }
  }
  return text.size();
}

}  // namespace json_text

namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Reads the four digits after "\u".
bool ReadUnit(std::string_view text, size_t at, char32_t* unit) {
  if (at + 4 > text.size()) return false;
  *unit = 0;
  for (size_t i = at; i < at + 4; ++i) {
    const int digit = HexDigit(text[i]);
    if (digit < 0) return false;
    *unit = *unit * 16 + static_cast<char32_t>(digit);
  }
  return true;
}

// Reads the escape whose letter is at *at and moves behind it.
bool AppendEscape(std::string_view text, size_t* at, std::string* out) {
  constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  const char letter = text[(*at)++];
  if (letter != 'u') {
    const size_t found = kLetters.find(letter);
    if (found == std::string_view::npos) return false;
    out->push_back(kMeanings[found]);
    return true;
  }
  char32_t unit = 0, low = 0;
  if (!ReadUnit(text, *at, &unit)) return false;
  *at += 4;
  const bool pair = unit >= 0xD800 && unit < 0xDC00 && text.substr(*at, 2) == "\\u" &&
                    ReadUnit(text, *at + 2, &low) && low >= 0xDC00 && low < 0xE000;
  if (pair) {
    unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    *at += 6;
  }
  // Half of a pair alone is no character.
  AppendChar(unit >= 0xD800 && unit < 0xE000 ? U'?' : unit, out);
  return true;
}

struct Member {
  std::string_view name;  // as written, if it has no escapes
  std::string_view value;
  bool escaped = false;  // the name was
};

bool HasExponent(std::string_view number) {
  return std::any_of(number.begin(), number.end(), [](char c) { return (c | 0x20) == 'e'; });
}

// True if a value that is no object or array is canonical as it stands.
bool IsCanonicalScalar(std::string_view value) {
  switch (JsonKindOf(value)) {
    case JsonKind::kObject:
    case JsonKind::kArray: return false;
    case JsonKind::kNumber: return !HasExponent(value);
    case JsonKind::kString: return value.find('\\') == value.npos;
    default: return true;
  }
}

// Reads the members of an object behind those that are in `members`. True if they are canonical as they
// stand: sorted, of scalars, without blanks.
bool ReadMembers(std::string_view object, std::vector<Member>* members,
                 std::list<std::string>* unescaped) {
  bool canonical = true;
  size_t bytes = 1;  // of the braces, and of a comma behind each member but the last
  const size_t begin = members->size();
  ForEachMember(object, [&](std::string_view name, std::string_view value) {
    bytes += name.size() + value.size() + 4;
    const bool escaped = name.find('\\') != name.npos;
    if (escaped) {
      AppendUnescaped(name, &unescaped->emplace_back());
      name = unescaped->back();
    }
    const bool after = members->size() == begin || members->back().name < name;
    canonical = canonical && after && !escaped && IsCanonicalScalar(value);
    members->push_back({name, value, escaped});
    return true;
  });
  return canonical && bytes == object.size();
}

using Members = std::vector<Member>::iterator;

// By name, equal ones in their order. Few are sorted without the memory that std::stable_sort asks for.
void SortMembers(Members first, Members last) {
  constexpr std::ptrdiff_t kFew = 16;
  const auto before = [](const Member& a, const Member& b) { return a.name < b.name; };
  if (last - first > kFew) return std::stable_sort(first, last, before);
  for (Members next = first; next != last; ++next) {
    std::rotate(std::upper_bound(first, next, *next, before), next, next + 1);
  }
}

// The members of all objects that are open lie in one stack, so that an object allocates nothing.
void AppendCanonicalObject(std::string_view object, std::string* out) {
  thread_local std::vector<Member> open;
  const size_t begin = open.size();
  std::list<std::string> unescaped;
  if (ReadMembers(object, &open, &unescaped)) {
    open.resize(begin);
    out->append(object);
    return;
  }
  const auto first = open.begin() + static_cast<std::ptrdiff_t>(begin);
  SortMembers(first, open.end());
  out->push_back('{');
  bool none = true;
  for (size_t i = begin, end = open.size(); i < end; ++i) {
    const Member member = open[i];
    if (i + 1 < end && open[i + 1].name == member.name) continue;  // of equal names the last counts
    if (!none) out->push_back(',');
    none = false;
    if (member.escaped) AppendJsonString(member.name, out);
    else out->append(member.name.data() - 1, member.name.size() + 2);  // with its quotes
    out->push_back(':');
    AppendCanonicalJson(member.value, out);
  }
  open.resize(begin);
  out->push_back('}');
}

void AppendCanonicalArray(std::string_view array, std::string* out) {
  out->push_back('[');
  bool first = true;
  ForEachElement(array, [&](std::string_view value) {
    if (!first) out->push_back(',');
    first = false;
    AppendCanonicalJson(value, out);
    return true;
  });
  out->push_back(']');
}

}  // namespace

JsonKind JsonKindOf(std::string_view value) {
  switch (value.empty() ? 'n' : value[0]) {
    case '{': return JsonKind::kObject;
    case '[': return JsonKind::kArray;
    case '"': return JsonKind::kString;
    case 't':
    case 'f': return JsonKind::kBoolean;
    case 'n': return JsonKind::kNull;
    default: return JsonKind::kNumber;
  }
}

bool AppendUnescaped(std::string_view escaped, std::string* out) {
  const size_t begin = out->size();
  for (size_t at = 0; at < escaped.size();) {
    const size_t backslash = std::min(escaped.find('\\', at), escaped.size());
    out->append(escaped.substr(at, backslash - at));
    at = backslash + 1;
    if (backslash == escaped.size()) break;
    if (at == escaped.size() || !AppendEscape(escaped, &at, out)) {
      out->resize(begin);
      return false;
    }
  }
  return true;
}

void AppendJsonString(std::string_view text, std::string* out) {
  constexpr char kHex[] = "0123456789ABCDEF";
  constexpr std::string_view kSpecial = "\"\\\b\f\n\r\t", kLetters = "\"\\bfnrt";
  out->push_back('"');
  size_t begin = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (static_cast<unsigned char>(c) >= ' ' && c != '"' && c != '\\') continue;
    out->append(text, begin, at - begin);
    begin = at + 1;
    const size_t special = kSpecial.find(c);
    if (special != std::string_view::npos) {
      out->push_back('\\');
      out->push_back(kLetters[special]);
    } else {
      out->append("\\u00");
      out->push_back(kHex[c >> 4]);
      out->push_back(kHex[c & 15]);
    }
  }
  out->append(text, begin);
  out->push_back('"');
}

void AppendJsonNumber(std::string_view number, std::string* out) {
  if (!HasExponent(number)) {
    out->append(number);
    return;
  }
  const size_t e = number.find_first_of("eE");
  int64_t exponent = 0;
  std::string_view power = number.substr(e + 1);
  if (power.starts_with('+')) power.remove_prefix(1);
  if (std::from_chars(power.data(), power.data() + power.size(), exponent).ec != std::errc()) {
    out->append(number);
    return;
  }
  // BigDecimal: digits and a scale; scientific where the exponent would add zeros or is below -6.
  std::string digits;
  int64_t scale = -exponent;
  bool fraction = false;
  for (const char c : number.substr(0, e)) {
    if (c == '-') out->push_back('-');
    if (c == '.') fraction = true;
    if (c < '0' || c > '9') continue;
    digits.push_back(c);
    scale += fraction;
  }
  const size_t zeros = std::min(digits.find_first_not_of('0'), digits.size() - 1);
  digits.erase(0, zeros);
  const auto count = static_cast<int64_t>(digits.size());
  const int64_t adjusted = count - 1 - scale;
  if (scale == 0) {
    out->append(digits);
  } else if (scale > 0 && adjusted >= -6) {
    if (scale >= count) digits.insert(0, static_cast<size_t>(scale - count + 1), '0');
    digits.insert(digits.size() - static_cast<size_t>(scale), ".");
    out->append(digits);
  } else {
    if (count > 1) digits.insert(1, ".");
    out->append(digits).append(adjusted < 0 ? "E" : "E+").append(std::to_string(adjusted));
  }
}

void AppendCanonicalJson(std::string_view value, std::string* out) {
  switch (JsonKindOf(value)) {
    case JsonKind::kObject: return AppendCanonicalObject(value, out);
    case JsonKind::kArray: return AppendCanonicalArray(value, out);
    case JsonKind::kNumber: return AppendJsonNumber(value, out);
    case JsonKind::kString: {
      if (IsCanonicalScalar(value)) {
        out->append(value);
        return;
      }
      std::string text;
      AppendUnescaped(value.substr(1, value.size() - 2), &text);
      return AppendJsonString(text, out);
    }
    default: out->append(value);
  }
}

}  // namespace millrace
