#include "connectors/postgres/address.h"

#include <map>

#include "base/nearest.h"
#include "connectors/secrets.h"

namespace millrace {
namespace {

constexpr std::string_view kJdbc = "jdbc:postgresql:";

// JDBC's parameter -> libpq's; "": the driver's own business, of no use here.
const std::map<std::string, std::string>& JdbcParameters() {
  static const std::map<std::string, std::string> kNames = {
      {"user", "user"},
      {"password", "password"},
      {"sslmode", "sslmode"},
      {"sslrootcert", "sslrootcert"},
      {"sslcert", "sslcert"},
      {"sslkey", "sslkey"},
      {"sslpassword", "sslpassword"},
      {"ApplicationName", "application_name"},
      {"connectTimeout", "connect_timeout"},
      {"loginTimeout", "connect_timeout"},
      {"gssEncMode", "gssencmode"},
      {"options", "options"},
      {"targetServerType", ""},
      {"tcpKeepAlive", ""},
      {"socketTimeout", ""},
      {"reWriteBatchedInserts", ""},
      {"prepareThreshold", ""},
      {"stringtype", ""},
      {"binaryTransfer", ""},
      {"defaultRowFetchSize", ""},
      {"autosave", ""},
      {"assumeMinServerVersion", ""},
      {"logServerErrorDetail", ""},
      {"useSSL", ""},
  };
  return kNames;
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string Unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && HexValue(text[i + 1]) >= 0 &&
                        HexValue(text[i + 2]) >= 0;
    if (escape) {
      out += static_cast<char>(HexValue(text[i + 1]) * 16 + HexValue(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Status AddJdbcParameter(const std::string& name, const std::string& value,
                        PostgresClient::Parameters* parameters) {
  if (name == "ssl") {  // as the driver: true is with all checks
    if (value != "false") parameters->emplace_back("sslmode", "verify-full");
    return Status::OK();
  }
  if (name == "currentSchema") {
    parameters->emplace_back("options", "-c search_path=" + value);
    return Status::OK();
  }
  const auto known = JdbcParameters().find(name);
  if (known == JdbcParameters().end()) {
    std::vector<std::string> names = {"ssl", "currentSchema"};
    for (const auto& [each, unused] : JdbcParameters()) names.push_back(each);
    const std::string near = NearestName(name, names);
    return UserError("option 'url': its parameter '{}' is not known{}", name,
                     near.empty() ? "" : fmt::format(". did you mean '{}'?", near));
  }
  if (!known->second.empty()) parameters->emplace_back(known->second, value);
  return Status::OK();
}

// The rest of "jdbc:postgresql:".
Result<PostgresClient::Parameters> ReadJdbc(std::string_view rest) {
  PostgresClient::Parameters parameters;
  const size_t question = std::min(rest.find('?'), rest.size());
  const std::string_view place = rest.substr(0, question);
  const bool url = place.starts_with("//");
  parameters.emplace_back("dbname", (url ? "postgresql:" : "") + std::string(place));
  size_t at = question + 1;
  while (at < rest.size()) {
    const size_t end = std::min(rest.find('&', at), rest.size());
    const std::string_view pair = rest.substr(at, end - at);
    const size_t equal = std::min(pair.find('='), pair.size());
    const std::string value = equal < pair.size() ? Unescaped(pair.substr(equal + 1)) : "true";
    MILL_RETURN(AddJdbcParameter(Unescaped(pair.substr(0, equal)), value, &parameters));
    at = end + 1;
  }
  return parameters;
}

bool IsUrl(const std::string& address) {
  return address.starts_with("postgresql://") || address.starts_with("postgres://");
}

// The whole address is a secret.
bool IsPlaceholder(const std::string& address) { return address.starts_with("${"); }

// Each placeholder of a URL is replaced by its escaped value.
Result<std::string> ResolveUrl(const std::string& url) {
  std::string resolved;
  size_t at = 0;
  while (true) {
    const size_t begin = url.find("${", at);
    const size_t end = begin == url.npos ? url.npos : url.find('}', begin);
    if (end == url.npos) return resolved + url.substr(at);
    MILL_ASSIGN(const std::string value, ResolveSecrets(url.substr(begin, end + 1 - begin)));
    resolved += url.substr(at, begin - at) + Escaped(value);
    at = end + 1;
  }
}

}  // namespace

Result<PostgresClient::Parameters> ReadPostgresAddress(const std::string& url) {
  PostgresClient::Parameters parameters;
  if (url.starts_with(kJdbc)) {
    MILL_ASSIGN(parameters, ReadJdbc(std::string_view(url).substr(kJdbc.size())));
  } else if (IsUrl(url) || IsPlaceholder(url) || url.find('=') != url.npos) {
    parameters.emplace_back("dbname", url);
  } else {
    return UserError("option 'url' is no address of a PostgreSQL server. hint: write "
                     "'postgresql://host:5432/database' or 'jdbc:postgresql://host:5432/database'");
  }
  // Placeholders are no valid URL before they are replaced.
  const std::string& address = parameters[0].second;
  if (address.find("${") == address.npos && address.find_first_of("=/") != address.npos) {
    MILL_RETURN(PostgresClient::CheckAddress(address));
  }
  return parameters;
}

Result<PostgresClient::Parameters> ResolveAddress(const PostgresClient::Parameters& parameters) {
  PostgresClient::Parameters resolved;
  for (const auto& [key, value] : parameters) {
    if (key == "dbname" && IsPlaceholder(value)) {
      MILL_ASSIGN(const std::string address, ResolveSecrets(value));
      MILL_ASSIGN(const auto read, ReadPostgresAddress(address));
      resolved.insert(resolved.end(), read.begin(), read.end());
      continue;
    }
    MILL_ASSIGN(std::string text,
                key == "dbname" && IsUrl(value) ? ResolveUrl(value) : ResolveSecrets(value));
    resolved.emplace_back(key, std::move(text));
  }
  return resolved;
}

}  // namespace millrace
