// Secrets in options: `${env:NAME}` stands for an environment variable, `${file:PATH}` for a file's
// content without the newline at its end. They are put in when a connection is made, so that plans,
// SHOW CREATE TABLE and logs only ever see the placeholder.
#pragma once

#include <string>

#include "base/status.h"

namespace millrace {

// `text` with its placeholders replaced. An error names the variable or file, never a value.
Result<std::string> ResolveSecrets(const std::string& text);

// True if the values of options named `key` must not be shown.
bool IsSecretKey(const std::string& key);

// An option's value as it may be shown: "****" for a secret, and for the password within an address
// (scheme://user:password@host, password=...).
std::string ShownOption(const std::string& key, const std::string& value);

}  // namespace millrace
