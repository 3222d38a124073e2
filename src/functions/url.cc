// PARSE_URL: parts of a URL, found as java.net.URL finds them.
//
//   protocol://userinfo@host:port/path?query#ref     file = path?query, authority =
// userinfo@host:port
#include <algorithm>

#include "functions/bind.h"
#include "functions/families.h"
#include "functions/per_row.h"

namespace millrace {
namespace {

using View = std::string_view;
using Part = std::optional<View>;

const SqlType kString = SqlType::String();

struct Url {
  View protocol, authority, file, path;
  Part user_info, host, query, ref;
};

// The protocols that Java knows; others are no URL to it.
bool IsKnownProtocol(View protocol) {
  constexpr View kKnown[] = {"http", "https", "ftp", "file", "jar", "mailto"};
  return std::find(std::begin(kKnown), std::end(kKnown), protocol) != std::end(kKnown);
}

// Cuts `text` at the first `mark`; the part behind it is empty (not there) without one.
Part CutAt(char mark, View* text) {
  const size_t at = text->find(mark);
  if (at == View::npos) return std::nullopt;
  const View behind = text->substr(at + 1);
  *text = text->substr(0, at);
  return behind;
}

std::optional<Url> ParseUrl(View text) {
  const size_t colon = text.find(':');
  if (colon == View::npos || !IsKnownProtocol(text.substr(0, colon))) return std::nullopt;
  Url url;
  url.protocol = text.substr(0, colon);
  View rest = text.substr(colon + 1);
  url.ref = CutAt('#', &rest);
  if (rest.starts_with("//")) {
    const size_t end = std::min(rest.find_first_of("/?", 2), rest.size());
    url.authority = rest.substr(2, end - 2);
    rest.remove_prefix(end);
    View host = url.authority;
    if (const Part behind = CutAt('@', &host)) {
      url.user_info = host;
      host = *behind;
    }
    url.host = host.starts_with('[') ? host.substr(0, host.find(']') + 1)
                                     : host.substr(0, host.find(':'));
  }
  url.file = rest;
  url.query = CutAt('?', &rest);
  url.path = rest;
  return url;
}

Part PartOf(const Url& url, View part) {
  if (part == "HOST") return url.host;
  if (part == "PATH") return url.path;
  if (part == "QUERY") return url.query;
  if (part == "REF") return url.ref;
  if (part == "PROTOCOL") return url.protocol;
  if (part == "FILE") return url.file;
  if (part == "AUTHORITY") return url.authority;
  if (part == "USERINFO") return url.user_info;
  return std::nullopt;
}

// The value of a name in "a=1&b=2".
Part Parameter(View query, View name) {
  while (!query.empty()) {
    View pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const Part value = CutAt('=', &pair);
    if (value && pair == name) return value;
  }
  return std::nullopt;
}

bool AppendPart(const Part& part, std::string* out) {
  if (part) out->append(*part);
  return part.has_value();
}

bool GetPart(View text, View part, std::string* out) {
  const auto url = ParseUrl(text);
  return url && AppendPart(PartOf(*url, part), out);
}

bool GetParameter(View text, View part, View name, std::string* out) {
  const auto url = ParseUrl(text);
  return url && part == "QUERY" && url->query && AppendPart(Parameter(*url->query, name), out);
}

}  // namespace

void RegisterUrl(FunctionRegistry& registry) {
  registry.Add(
      {.name = "PARSE_URL",
       .signature = "PARSE_URL(url, part [, parameter]) -> STRING",
       .doc = "A part of a URL: PROTOCOL, AUTHORITY, USERINFO, HOST, PATH, QUERY, FILE, REF; or "
              "with 'QUERY' the value of one of its parameters. NULL if there is none.",
       .examples = {{"PARSE_URL('http://me@site.org/a?k=v#r', 'HOST')", "site.org"},
                    {"PARSE_URL('http://site.org/a?k=v&l=w', 'QUERY', 'l')", "w"}},
       .bind = [](const std::vector<SqlType>& args) -> Result<Binding> {
         MILL_ASSIGN(Binding binding, Fixed({kString, kString, kString}, kString, 1)(args));
         binding.type.nullable = true;
         return binding;
       },
       .eval =
           [](const Call& call) {
             return call.args.size() == 2 ? RunPerRow<Text(View, View)>(call, GetPart)
                                          : RunPerRow<Text(View, View, View)>(call, GetParameter);
           }});
}

}  // namespace millrace
