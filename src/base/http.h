// An HTTP client for the services that connectors and formats talk to: schema registries, object
// stores, catalogs. It wraps libcurl: HTTP/1.1 and 2, TLS, connections kept open between requests,
// requests signed for S3.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace millrace {

// Whom to trust and who we are; paths of PEM files, "" for the system's authorities and for none.
struct HttpTls {
  std::string authority_file;
  std::string certificate_file, key_file, key_password;
  bool verify = true;  // false: any certificate is taken
};

// Signs a request with AWS Signature Version 4 (aws_signature.h).
struct AwsSignature {
  std::string access_key, secret_key;
  std::string session_token;  // "" for none
  std::string region = "us-east-1";
  std::string service = "s3";
  bool sign_body = true;  // false: the body is sent unsigned, for stores that are asked over TLS
};

struct HttpRequest {
  std::string method = "GET";  // any; HEAD reads no body
  // Of what the query holds, names and values are encoded already (UrlEncoded).
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string user, password;  // basic authentication where `user` is not empty
  std::optional<AwsSignature> aws;
  std::chrono::milliseconds connect_timeout{10000};
  std::chrono::milliseconds timeout{60000};  // of the whole exchange
  int64_t max_body = 1 << 30;                // bytes of an answer; a longer one is an error
};

struct HttpResponse {
  int status = 0;  // 200, 404, ...: any answer is a response, only no answer is an error
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;

  bool ok() const { return status >= 200 && status < 300; }
  // The header's value, null if there is none of that name (in lower case).
  const std::string* Header(std::string_view name) const;
};

// Owned by one thread at a time; Send blocks up to the request's timeout. Redirections are answers,
// not followed. Proxies come from the environment, as curl reads it.
class HttpClient {
 public:
  explicit HttpClient(HttpTls tls = {});
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  // Sends the request and reads the answer. IOError if there is none (refused, timeout, TLS, cut
  // off): whether the server has acted is then not known. The error names method and URL, without
  // user, password and query.
  Result<HttpResponse> Send(const HttpRequest& request);

 private:
  Result<HttpResponse> Exchange(const HttpRequest& request);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// `text` with all but letters, digits and "-._~" as %XX; '/' stays where `keep_slashes`.
std::string UrlEncoded(std::string_view text, bool keep_slashes = false);

}  // namespace millrace
