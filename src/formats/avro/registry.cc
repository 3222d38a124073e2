#include "formats/avro/registry.h"

#include <simdjson.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "connectors/secrets.h"
#include "formats/options.h"

namespace millrace {
namespace {

using std::chrono::milliseconds;

constexpr int kAttempts = 5;
constexpr milliseconds kFirstPause{100};
constexpr size_t kMaxKnown = 10000;  // ids: a topic of garbage must not fill the memory
constexpr int64_t kMaxAnswer = 32 << 20;

constexpr std::string_view kPrefix = "avro-confluent.";

Result<std::string> Secret(const Options& options, const std::string& name) {
  const std::string key = std::string(kPrefix) + name;
  auto resolved = ResolveSecrets(StringOption(options, key, ""));
  MILL_RETURN(Annotate(resolved.status(), fmt::format("option '{}'", key)));
  return resolved;
}

std::vector<std::string> SplitUrls(const std::string& text) {
  std::vector<std::string> urls;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    std::string url = text.substr(begin, end - begin);
    while (url.ends_with('/') || url.ends_with(' ')) url.pop_back();
    while (url.starts_with(' ')) url.erase(0, 1);
    if (!url.empty()) urls.push_back(std::move(url));
    begin = end + 1;
  }
  return urls;
}

// Stores of Java's own kind are of no use here.
Status CheckPem(const std::string& option, const std::string& path) {
  for (const char* suffix : {".jks", ".p12", ".pfx"}) {
    if (!path.ends_with(suffix)) continue;
    return UserError("option '{}{}': '{}' is no PEM file. hint: openssl pkcs12 -in STORE -out PEM "
                     "-nodes", kPrefix, option, path);
  }
  return Status::OK();
}

Status ReadTls(const Options& options, HttpTls* tls) {
  MILL_ASSIGN(tls->authority_file, Secret(options, "ssl.truststore.location"));
  MILL_ASSIGN(tls->certificate_file, Secret(options, "ssl.keystore.location"));
  MILL_ASSIGN(tls->key_password, Secret(options, "ssl.keystore.password"));
  tls->key_file = tls->certificate_file;  // one file holds both
  MILL_RETURN(CheckPem("ssl.truststore.location", tls->authority_file));
  return CheckPem("ssl.keystore.location", tls->certificate_file);
}

Status ReadCredentials(const Options& options, RegistryOptions* registry) {
  MILL_ASSIGN(std::string user, Secret(options, "basic-auth.user-info"));
  if (user.empty()) {
    MILL_ASSIGN(user, Secret(options, "properties.basic.auth.user.info"));
  }
  const size_t colon = user.find(':');
  if (!user.empty() && colon == user.npos) {
    return UserError("option 'avro-confluent.basic-auth.user-info': not 'user:password'");
  }
  if (colon != user.npos) {
    registry->user = user.substr(0, colon);
    registry->password = user.substr(colon + 1);
  }
  MILL_ASSIGN(registry->bearer, Secret(options, "bearer-auth.token"));
  for (const char* source : {"basic-auth", "bearer-auth"}) {
    const std::string key = fmt::format("{}{}.credentials-source", kPrefix, source);
    const std::string said = StringOption(options, key, "");
    if (said.empty() || said == "USER_INFO" || said == "STATIC_TOKEN" || said == "URL") continue;
    return UserError("option '{}': '{}' is none of USER_INFO, URL, STATIC_TOKEN", key, said);
  }
  return Status::OK();
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
  }
  return quoted + '"';
}

// What the registry says of an error: {"error_code": 40403, "message": "..."}.
std::string Complaint(const HttpResponse& response) {
  constexpr size_t kShown = 300;
  simdjson::dom::parser parser;
  std::string_view message;
  if (!parser.parse(response.body)["message"].get(message)) {
    return fmt::format("HTTP {}: {}", response.status, message.substr(0, kShown));
  }
  return fmt::format("HTTP {}", response.status);
}

bool MayPass(const HttpResponse& response) {
  return response.status == 429 || response.status >= 500;
}

}  // namespace

Result<RegistryOptions> RegistryOptions::Read(const Options& options) {
  RegistryOptions registry;
  MILL_ASSIGN(const std::string url, Secret(options, "url"));
  registry.urls = SplitUrls(url);
  if (registry.urls.empty()) {
    return UserError("missing option 'avro-confluent.url': where the schema registry is. hint: "
                     "'http://host:8081'");
  }
  for (const std::string& each : registry.urls) {
    if (each.starts_with("http://") || each.starts_with("https://")) continue;
    return UserError("option 'avro-confluent.url': it begins with neither http:// nor https://");
  }
  MILL_RETURN(ReadTls(options, &registry.tls));
  MILL_RETURN(ReadCredentials(options, &registry));
  MILL_ASSIGN(registry.auto_register,
              BoolOption(options, "avro-confluent.properties.auto.register.schemas", true));
  return registry;
}

SchemaRegistry::SchemaRegistry(RegistryOptions options)
    : options_(std::move(options)), client_(options_.tls) {}

// Asks one server after the other until one has an answer that is not just its own trouble.
Result<HttpResponse> SchemaRegistry::Ask(const std::string& method, const std::string& path,
                                         const std::string& body) {
  HttpRequest request;
  request.method = method;
  request.body = body;
  request.user = options_.user;
  request.password = options_.password;
  request.connect_timeout = milliseconds(3000);
  request.timeout = milliseconds(15000);
  request.max_body = kMaxAnswer;
  request.headers = {{"Accept", "application/vnd.schemaregistry.v1+json"}};
  if (!body.empty()) {
    request.headers.emplace_back("Content-Type", "application/vnd.schemaregistry.v1+json");
  }
  if (!options_.bearer.empty()) {
    request.headers.emplace_back("Authorization", "Bearer " + options_.bearer);
  }
  Status trouble;
  milliseconds pause = kFirstPause;
  for (int attempt = 0; attempt < kAttempts; ++attempt, pause *= 2) {
    if (attempt > 0) std::this_thread::sleep_for(pause);
    request.url = options_.urls[current_] + path;
    auto response = client_.Send(request);
    if (response.ok() && !MayPass(*response)) return response;
    trouble = response.ok() ? ExternalError("{}", Complaint(*response)) : response.status();
    current_ = (current_ + 1) % options_.urls.size();
  }
  return ExternalError("the schema registry does not answer, asked {} times: {}", kAttempts,
                       trouble.message());
}

Result<std::shared_ptr<const AvroSchema>> SchemaRegistry::SchemaOf(uint32_t id) {
  const auto known = known_.find(id);
  if (known != known_.end()) return known->second;
  const auto unknown = unknown_.find(id);
  if (unknown != unknown_.end()) return unknown->second;
  if (known_.size() + unknown_.size() >= kMaxKnown) {
    known_.clear();
    unknown_.clear();
  }
  auto schema = Fetch(id);
  if (schema.ok()) known_[id] = *schema;
  if (schema.status().IsKeyError()) unknown_[id] = schema.status();
  return schema;
}

Result<std::shared_ptr<const AvroSchema>> SchemaRegistry::Fetch(uint32_t id) {
  MILL_ASSIGN(const HttpResponse response, Ask("GET", fmt::format("/schemas/ids/{}", id), ""));
  if (response.status == 404) {
    return Status::KeyError(fmt::format("the schema registry has no schema {}", id));
  }
  if (!response.ok()) {
    return UserError("the schema registry refuses schema {}: {}", id, Complaint(response));
  }
  simdjson::dom::parser parser;
  simdjson::dom::element answer;
  std::string_view text, type;
  if (parser.parse(response.body).get(answer) || answer["schema"].get(text)) {
    return ExternalError("the schema registry's answer to schema {} has no \"schema\"", id);
  }
  if (!answer["schemaType"].get(type) && type != "AVRO") {
    return Status::KeyError(fmt::format("schema {} of the registry is {}, not AVRO", id, type));
  }
  auto schema = AvroSchema::Parse(text);
  if (schema.ok()) return schema;
  return Status::KeyError(fmt::format("schema {} of the registry: {}", id,
                                      schema.status().message()));
}

Result<uint32_t> SchemaRegistry::Register(const std::string& subject, const AvroSchema& schema) {
  const std::string path = fmt::format("/subjects/{}{}", UrlEncoded(subject),
                                       options_.auto_register ? "/versions" : "");
  const std::string body = fmt::format("{{\"schema\":{}}}", Quoted(schema.ToJson()));
  MILL_ASSIGN(const HttpResponse response, Ask("POST", path, body));
  if (response.status == 409) {
    return UserError("the schema is not compatible with those of subject '{}': {}. hint: "
                     "'avro-confluent.schema' names the schema to write", subject,
                     Complaint(response));
  }
  if (!response.ok()) {
    return UserError("the schema registry refuses the schema of subject '{}': {}", subject,
                     Complaint(response));
  }
  simdjson::dom::parser parser;
  uint64_t id = 0;
  if (parser.parse(response.body)["id"].get(id) || id > UINT32_MAX) {
    return ExternalError("the schema registry's answer for subject '{}' has no \"id\"", subject);
  }
  return static_cast<uint32_t>(id);
}

}  // namespace millrace
