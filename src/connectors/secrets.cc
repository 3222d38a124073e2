#include "connectors/secrets.h"

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
       {"password", "secret", "token", "access-key", "jaas", "key.pem", "keystore.key"}) {
    if (key.find(word) != std::string::npos) return true;
  }
  return false;
}

}  // namespace millrace
