#include "connectors/storage/s3_settings.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "connectors/secrets.h"

namespace millrace {
namespace {

constexpr const char* kEndpoint = "s3.endpoint";
constexpr const char* kRegion = "s3.region";
constexpr const char* kAccessKey = "s3.access-key";
constexpr const char* kSecretKey = "s3.secret-key";
constexpr const char* kSessionToken = "s3.session-token";
constexpr const char* kPathStyle = "s3.path.style.access";
constexpr const char* kAnonymous = "s3.anonymous";

// Sits out a server that is away for up to a minute; what cannot get better is not tried again.
class PatientRetry : public arrow::fs::S3RetryStrategy {
 public:
  bool ShouldRetry(const AWSErrorDetail& error, int64_t retries) override {
    return error.should_retry && retries < kRetries;
  }
  int64_t CalculateDelayBeforeNextRetry(const AWSErrorDetail&, int64_t retries) override {
    return std::min(kLongestWait, kFirstWait << std::min<int64_t>(retries, kRetries));
  }

 private:
  static constexpr int64_t kRetries = 16, kFirstWait = 100, kLongestWait = 5000;  // ms
};

// The first of the environment variables that is set and not empty.
std::string FromEnvironment(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = std::getenv(name);
    if (value && *value) return value;
  }
  return "";
}

Result<std::string> Resolved(const Options& options, const std::string& key) {
  return ResolveSecrets(StringOption(options, key, ""));
}

Status SetEndpoint(std::string endpoint, arrow::fs::S3Options* s3) {
  const size_t scheme = endpoint.find("://");
  if (scheme != endpoint.npos) {
    s3->scheme = endpoint.substr(0, scheme);
    endpoint.erase(0, scheme + 3);
  }
  while (endpoint.ends_with('/')) endpoint.pop_back();
  if (s3->scheme != "http" && s3->scheme != "https") {
    return UserError("option '{}': '{}' is neither http nor https. hint: 'https://host:port'",
                     kEndpoint, s3->scheme);
  }
  if (endpoint.empty() || endpoint.find_first_of("/@ ") != endpoint.npos) {
    return UserError("option '{}': '{}' is not a host and port. hint: 'https://host:port'",
                     kEndpoint, endpoint);
  }
  s3->endpoint_override = std::move(endpoint);
  return Status::OK();
}

Status SetCredentials(const Options& options, arrow::fs::S3Options* s3) {
  MILL_ASSIGN(const bool anonymous, BoolOption(options, kAnonymous, false));
  MILL_ASSIGN(const std::string access, Resolved(options, kAccessKey));
  MILL_ASSIGN(const std::string secret, Resolved(options, kSecretKey));
  MILL_ASSIGN(const std::string token, Resolved(options, kSessionToken));
  if (access.empty() != secret.empty()) {
    const bool first = !access.empty();
    return UserError("option '{}' is there without '{}': both or none",
                     first ? kAccessKey : kSecretKey, first ? kSecretKey : kAccessKey);
  }
  if (anonymous && !access.empty()) {
    return UserError("option '{}' is true, but '{}' is there too", kAnonymous, kAccessKey);
  }
  if (anonymous) {
    s3->ConfigureAnonymousCredentials();
  } else if (!access.empty()) {
    s3->ConfigureAccessKey(access, secret, token);
  } else {
    s3->ConfigureDefaultCredentials();
  }
  return Status::OK();
}

}  // namespace

std::vector<OptionSpec> S3OptionSpecs() {
  return {
      {kEndpoint, "STRING", "", "The S3 server, as http[s]://host:port; AWS if not given."},
      {kRegion, "STRING", "", "Its region; else AWS_REGION, the profile's, or us-east-1."},
      {kAccessKey, "STRING", "", "Else AWS's environment variables, profile or role are used."},
      {kSecretKey, "STRING", "",
       "Belongs to s3.access-key; ${env:NAME} and ${file:PATH} are put in."},
      {kSessionToken, "STRING", "", "Belongs to credentials for a limited time."},
      {kPathStyle, "BOOLEAN", "true with s3.endpoint",
       "The bucket stands in the path, not in the host name."},
      {kAnonymous, "BOOLEAN", "false", "Requests are not signed: public buckets."},
  };
}

Result<arrow::fs::S3Options> ReadS3Options(const Options& options) {
  MILL_RETURN(StartS3());
  arrow::fs::S3Options s3;
  MILL_ASSIGN(s3.region, Resolved(options, kRegion));
  if (s3.region.empty()) s3.region = FromEnvironment({"AWS_REGION", "AWS_DEFAULT_REGION"});
  MILL_ASSIGN(std::string endpoint, Resolved(options, kEndpoint));
  if (endpoint.empty()) endpoint = FromEnvironment({"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  MILL_ASSIGN(const bool path_style, BoolOption(options, kPathStyle, !endpoint.empty()));
  if (!endpoint.empty()) {
    // A server of one's own has no machine roles to be asked for, which would only take its time.
    setenv("AWS_EC2_METADATA_DISABLED", "true", 0);
    if (s3.region.empty()) s3.region = "us-east-1";
    MILL_RETURN(SetEndpoint(std::move(endpoint), &s3));
  } else if (path_style) {
    if (s3.region.empty()) s3.region = "us-east-1";
    s3.endpoint_override = "s3." + s3.region + ".amazonaws.com";
  }
  s3.force_virtual_addressing = !path_style;
  MILL_RETURN(SetCredentials(options, &s3));
  s3.allow_delayed_open = true;  // one request for a small file instead of three
  s3.retry_strategy = std::make_shared<PatientRetry>();
  s3.connect_timeout = 10;
  s3.request_timeout = 30;
  return s3;
}

Status StartS3() {
  static std::once_flag once;
  static Status started;
  std::call_once(once, [] {
    started = arrow::fs::InitializeS3(arrow::fs::S3GlobalOptions::Defaults());
  });
  return started;
}

}  // namespace millrace
