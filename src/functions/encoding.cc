// Text in other alphabets: hexadecimal, binary, Base64, URLs.
#include <algorithm>
#include <array>

#include "functions/bind.h"
#include "functions/families.h"
#include "functions/per_row.h"
#include "functions/utf8.h"

namespace millrace {
namespace {

using View = std::string_view;

const SqlType kString = SqlType::String();
constexpr char kHexDigits[] = "0123456789ABCDEF";
constexpr char kBase64Digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void HexText(View text, std::string* out) {
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out->push_back(kHexDigits[byte >> 4]);
    out->push_back(kHexDigits[byte & 15]);
  }
}

// The number in digits of `bits` bits each.
void AppendDigits(uint64_t value, int bits, std::string* out) {
  char buffer[64];
  char* p = buffer + sizeof(buffer);
  do {
    *--p = kHexDigits[value & ((1u << bits) - 1)];
    value >>= bits;
  } while (value != 0);
  out->append(p, static_cast<size_t>(buffer + sizeof(buffer) - p));
}

Result<Binding> BindHex(const std::vector<SqlType>& args) {
  if (args.size() != 1) return ArgumentCountError(args.size(), "1");
  if (args[0].IsString()) return Binding{args, WithNullable(kString, args[0].nullable)};
  if (args[0].IsInteger()) {
    return Binding{{SqlType::BigInt()}, WithNullable(kString, args[0].nullable)};
  }
  return ArgumentTypeError(0, args[0], "an integer or STRING");
}

Result<arrow::Datum> EvalHex(const Call& call) {
  if (call.arg_types[0].IsString()) return RunPerRow<Text(View)>(call, HexText);
  return RunPerRow<Text(int64_t)>(call, [](int64_t value, std::string* out) {
    AppendDigits(static_cast<uint64_t>(value), 4, out);
  });
}

void ToBase64(View text, std::string* out) {
  for (size_t i = 0; i < text.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < text.size() ? static_cast<unsigned char>(text[i + j]) : 0u);
    }
    for (size_t j = 0; j < 4; ++j) {
      const bool used = i + j <= text.size();
      out->push_back(used ? kBase64Digits[group >> (18 - 6 * j) & 63] : '=');
    }
  }
}

std::array<int8_t, 256> MakeBase64Values() {
  std::array<int8_t, 256> values;
  values.fill(-1);
  for (int8_t i = 0; i < 64; ++i) values[static_cast<unsigned char>(kBase64Digits[i])] = i;
  return values;
}

bool FromBase64(View text, std::string* out) {
  static const std::array<int8_t, 256> kValues = MakeBase64Values();
  constexpr size_t kMostPadding = 2;
  const size_t padded = text.size();
  for (size_t i = 0; i < kMostPadding && text.ends_with('='); ++i) text.remove_suffix(1);
  // Padding fills the last group of four, or there is none.
  if (text.size() % 4 == 1 || (padded != text.size() && padded % 4 != 0)) return false;
  uint32_t group = 0;
  int bits = 0;
  for (char c : text) {
    const int8_t value = kValues[static_cast<unsigned char>(c)];
    if (value < 0) return false;
    group = group << 6 | static_cast<uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out->push_back(static_cast<char>(group >> bits & 0xFF));
  }
  return true;
}

bool IsPlainInUrl(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '_' || c == '.' || c == '*';
}

void UrlEncode(View text, std::string* out) {
  for (char c : text) {
    if (IsPlainInUrl(c)) {
      out->push_back(c);
    } else if (c == ' ') {
      out->push_back('+');
    } else {
      out->push_back('%');
      HexText(View(&c, 1), out);
    }
  }
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool UrlDecode(View text, std::string* decoded) {
  const auto coded = [](char c) { return c == '%' || c == '+' || (c & 0x80) != 0; };
  if (std::none_of(text.begin(), text.end(), coded)) {
    decoded->append(text);
    return true;
  }
  std::string bytes;
  for (size_t begin = 0; begin < text.size();) {
    const size_t at = std::min(text.find_first_of("%+", begin), text.size());
    bytes.append(text, begin, at - begin);
    begin = at + 1;
    if (at == text.size()) break;
    if (text[at] == '+') {
      bytes.push_back(' ');
      continue;
    }
    if (at + 2 >= text.size()) return false;
    const int high = HexValue(text[at + 1]), low = HexValue(text[at + 2]);
    if (high < 0 || low < 0) return false;
    bytes.push_back(static_cast<char>(high * 16 + low));
    begin += 2;
  }
  if (IsAscii(bytes)) {
    decoded->append(bytes);
    return true;
  }
  // What is no UTF-8 is read as Java reads it: with a replacement character.
  for (size_t at = 0; at < bytes.size();) AppendChar(ReadChar(bytes, &at), decoded);
  return true;
}

// Of an odd number of digits the first is dropped and a zero byte put in its place.
bool Unhex(View text, std::string* out) {
  if (text.size() % 2 != 0) {
    if (HexValue(text[0]) < 0) return false;
    out->push_back('\0');
    text.remove_prefix(1);
  }
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = HexValue(text[i]), low = HexValue(text[i + 1]);
    if (high < 0 || low < 0) return false;
    out->push_back(static_cast<char>(high * 16 + low));
  }
  return true;
}

// One text argument; TO_BASE64 and its like read bytes too.
Bind TextOrBytes(SqlType result) {
  return [=](const std::vector<SqlType>& args) {
    const bool bytes = args.size() == 1 && args[0].IsBinary() && !result.IsBinary();
    return Fixed({bytes ? SqlType::Bytes() : kString}, result)(args);
  };
}

template <typename F>
void AddText(FunctionRegistry& registry, const char* name, const char* doc, F function,
             Example example, SqlType result = kString) {
  // A function that may answer false may be NULL for any argument.
  constexpr bool kMayBeNull = std::is_same_v<std::invoke_result_t<F, View, std::string*>, bool>;
  registry.Add({.name = name,
                .signature = fmt::format("{}(STRING) -> {}", name, result.ToString()), .doc = doc,
                .examples = {std::move(example)},
                .bind = [=](const std::vector<SqlType>& args) -> Result<Binding> {
                  MILL_ASSIGN(Binding binding, TextOrBytes(result)(args));
                  binding.type.nullable = kMayBeNull || binding.type.nullable;
                  return binding;
                },
                .eval = PerRow<Text(View)>(function)});
}

}  // namespace

void RegisterEncoding(FunctionRegistry& registry) {
  registry.Add({.name = "HEX", .signature = "HEX(integer or STRING) -> STRING",
                .doc = "In hexadecimal digits.", .examples = {{"HEX(255)", "FF"}, {"HEX('hi')", "6869"}},
                .bind = BindHex, .eval = EvalHex});
  registry.Add({.name = "BIN", .signature = "BIN(BIGINT) -> STRING", .doc = "In binary digits.",
                .examples = {{"BIN(5)", "101"}}, .bind = Fixed({SqlType::BigInt()}, kString),
                .eval = PerRow<Text(int64_t)>([](int64_t value, std::string* out) {
                  AppendDigits(static_cast<uint64_t>(value), 1, out);
                })});
  AddText(registry, "UNHEX", "Bytes from hexadecimal digits; NULL for others.", Unhex,
          {"CAST(UNHEX('6869') AS STRING)", "hi"}, SqlType::Bytes());
  AddText(registry, "TO_BASE64", "In Base64.", ToBase64, {"TO_BASE64('hello')", "aGVsbG8="});
  AddText(registry, "FROM_BASE64", "Text from Base64; NULL if it is none.", FromBase64,
          {"FROM_BASE64('aGVsbG8=')", "hello"});
  AddText(registry, "URL_ENCODE", "As a part of a URL.", UrlEncode, {"URL_ENCODE('a b&')", "a+b%26"});
  AddText(registry, "URL_DECODE", "Text from a part of a URL; NULL if it is broken.", UrlDecode,
          {"URL_DECODE('a+b%26')", "a b&"});
}

}  // namespace millrace
