#include "base/aws_signature.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "base/digest.h"

namespace millrace {
namespace {

std::string HexSha256(std::string_view text) {
  std::string hex(DigestDigits(Digest::kSha256), '0');
  WriteDigests(Digest::kSha256, {&text, 1}, hex.data());
  return hex;
}

std::string FromHex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1]));
  }
  return bytes;
}

// RFC 2104; the keys here are shorter than a block.
std::string HmacSha256(std::string key, std::string_view text) {
  constexpr size_t kBlock = 64;
  if (key.size() > kBlock) key = FromHex(HexSha256(key));
  key.resize(kBlock, '\0');
  std::string inner = key, outer = key;
  for (char& c : inner) c = static_cast<char>(c ^ 0x36);
  for (char& c : outer) c = static_cast<char>(c ^ 0x5C);
  inner += text;
  return FromHex(HexSha256(outer + FromHex(HexSha256(inner))));
}

std::string ToHex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<uint8_t>(c));
  return hex;
}

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

struct UrlParts {
  std::string scheme, host, path, query;
};

UrlParts Split(const std::string& url) {
  UrlParts parts;
  const size_t scheme = std::min(url.find("://"), url.size());
  parts.scheme = url.substr(0, scheme);
  const size_t host = std::min(scheme + 3, url.size());
  const size_t path = std::min(url.find_first_of("/?", host), url.size());
  const size_t query = std::min(url.find('?', path), url.size());
  parts.host = url.substr(host, path - host);
  parts.path = url.substr(path, query - path);
  if (parts.path.empty()) parts.path = "/";
  if (query < url.size()) parts.query = url.substr(query + 1);
  return parts;
}

// Sorted by name, each with '='.
std::string CanonicalQuery(const std::string& query) {
  std::vector<std::string> pieces;
  for (size_t begin = 0; begin < query.size();) {
    const size_t end = std::min(query.find('&', begin), query.size());
    std::string piece = query.substr(begin, end - begin);
    if (!piece.empty() && piece.find('=') == piece.npos) piece += '=';
    if (!piece.empty()) pieces.push_back(std::move(piece));
    begin = end + 1;
  }
  std::sort(pieces.begin(), pieces.end(), [](const std::string& a, const std::string& b) {
    return std::pair(a.substr(0, a.find('=')), a) < std::pair(b.substr(0, b.find('=')), b);
  });
  return fmt::format("{}", fmt::join(pieces, "&"));
}

// As the client sends it: without a port that goes without saying.
std::string HostHeader(const UrlParts& url) {
  const std::string port = url.scheme == "https" ? ":443" : ":80";
  if (!url.host.ends_with(port)) return url.host;
  return url.host.substr(0, url.host.size() - port.size());
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

void SignRequest(const AwsSignature& signature, std::time_t now, HttpRequest* request) {
  std::tm utc = {};
  gmtime_r(&now, &utc);
  char stamp[17];
  std::strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &utc);
  const std::string time = stamp;
  const std::string day = time.substr(0, 8);
  const UrlParts url = Split(request->url);
  const std::string query = CanonicalQuery(url.query);
  request->url = fmt::format("{}://{}{}{}{}", url.scheme, url.host, url.path,
                             query.empty() ? "" : "?", query);
  const std::string payload =
      signature.sign_body ? HexSha256(request->body) : std::string("UNSIGNED-PAYLOAD");
  request->headers.emplace_back("x-amz-content-sha256", payload);
  request->headers.emplace_back("x-amz-date", time);
  if (!signature.session_token.empty()) {
    request->headers.emplace_back("x-amz-security-token", signature.session_token);
  }
  std::map<std::string, std::string> headers = {{"host", HostHeader(url)}};
  for (const auto& [name, value] : request->headers) headers[Lower(name)] = Trimmed(value);
  std::string listed, names;
  for (const auto& [name, value] : headers) {
    listed += fmt::format("{}:{}\n", name, value);
    names += (names.empty() ? "" : ";") + name;
  }
  const std::string canonical = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request->method, url.path,
                                            query, listed, names, payload);
  const std::string scope =
      fmt::format("{}/{}/{}/aws4_request", day, signature.region, signature.service);
  const std::string text =
      fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", time, scope, HexSha256(canonical));
  std::string key = "AWS4" + signature.secret_key;
  for (const std::string& part : {day, signature.region, signature.service,
                                  std::string("aws4_request")}) {
    key = HmacSha256(std::move(key), part);
  }
  request->headers.emplace_back(
      "Authorization",
      fmt::format("AWS4-HMAC-SHA256 Credential={}/{},SignedHeaders={},Signature={}",
                  signature.access_key, scope, names, ToHex(HmacSha256(std::move(key), text))));
}

}  // namespace millrace
