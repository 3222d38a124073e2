#include "connectors/secrets.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace millrace {
namespace {

constexpr std::string_view kEnv = "env:", kFile = "file:";

Result<std::string> ReadSecretFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (!file || !(content << file.rdbuf())) {
    return UserError("${{file:{}}}: the file cannot be read or is empty", path);
  }
  std::string text = content.str();
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

Result<std::string> Lookup(const std::string& name) {
  if (name.starts_with(kFile)) return ReadSecretFile(name.substr(kFile.size()));
  const std::string variable = name.substr(kEnv.size());
  const char* value = std::getenv(variable.c_str());
  if (!value) return UserError("${{env:{}}}: the environment variable is not set", variable);
  return std::string(value);
}

// Replaces text[begin, end) unless it is a placeholder.
size_t Mask(std::string& text, size_t begin, size_t end) {
  if (begin >= end || text.compare(begin, 2, "${") == 0) return end;
  text.replace(begin, end - begin, "****");
  return begin + 4;
}

}  // namespace

Result<std::string> ResolveSecrets(const std::string& text) {
  std::string resolved;
  size_t at = 0;
  while (true) {
    const size_t begin = text.find("${", at);
    const size_t end = begin == text.npos ? text.npos : text.find('}', begin);
    if (end == text.npos) return resolved + text.substr(at);
    resolved.append(text, at, begin - at);
    const std::string name = text.substr(begin + 2, end - begin - 2);
    at = end + 1;
    if (name.starts_with(kEnv) || name.starts_with(kFile)) {
      MILL_ASSIGN(const std::string value, Lookup(name));
      resolved += value;
    } else {
      resolved += "${" + name + "}";
    }
  }
}

bool IsSecretKey(const std::string& key) {
  for (const char* word :
       {"password", "secret", "token", "credential", "access-key", "jaas", "key.pem",
        "keystore.key", "user-info", "user.info"}) {
    if (key.find(word) != std::string::npos) return true;
  }
  return false;
}

std::string ShownOption(const std::string& key, const std::string& value) {
  if (IsSecretKey(key)) return "****";
  std::string shown = value;
  const size_t scheme = shown.find("://");
  if (scheme != shown.npos) {
    const size_t begin = scheme + 3;
    const size_t at = shown.rfind('@');  // a password may hold one too
    const size_t colon = shown.find(':', begin);
    if (at != shown.npos && colon < at) Mask(shown, colon + 1, at);
  }
  for (size_t found = 0; (found = shown.find("password", found)) != shown.npos;) {
    found += std::string_view("password").size();
    const size_t equal = shown.find_first_not_of(' ', found);
    if (equal == shown.npos || shown[equal] != '=') continue;
    const size_t begin = std::min(shown.find_first_not_of(' ', equal + 1), shown.size());
    const bool quoted = begin < shown.size() && shown[begin] == '\'';
    const size_t end = quoted ? shown.rfind('\'') + 1 : shown.find_first_of("& ", begin);
    found = Mask(shown, begin, std::min(end, shown.size()));
  }
  return shown;
}

}  // namespace millrace
