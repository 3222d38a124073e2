// The REST catalog's protocol (Iceberg's OpenAPI): configuration, namespaces, tables, commits.
#include <algorithm>

#include "base/http.h"
#include "connectors/iceberg/catalog.h"
#include "connectors/secrets.h"
#include "formats/options.h"

namespace millrace {
namespace {

constexpr int kUnauthorized = 401, kNotFound = 404, kConflict = 409;

// What a server says went wrong: its message, or the start of its answer.
std::string Complaint(const HttpResponse& response) {
  const auto json = JsonTree::Parse(response.body);
  if (json.ok() && json->Find("error")) {
    return json->Find("error")->TextOr("message", "no message");
  }
  return response.body.substr(0, 200);
}

// Answers that a later try may change are the outside world's, others the user's.
Status Refused(const std::string& what, const HttpResponse& response) {
  const bool later = response.status >= 500 || response.status == 429 || response.status == 408;
  const std::string text =
      fmt::format("cannot {}: the REST catalog answers {}: {}", what, response.status,
                  Complaint(response));
  return later ? Status::IOError(text) : Status::Invalid(text);
}

// The catalog's names of S3 settings, and those of tables here.
Options S3Settings(const JsonTree* config) {
  static const std::vector<std::pair<std::string, std::string>> kNames = {
      {"s3.endpoint", "s3.endpoint"},
      {"s3.region", "s3.region"},
      {"client.region", "s3.region"},
      {"s3.access-key-id", "s3.access-key"},
      {"s3.secret-access-key", "s3.secret-key"},
      {"s3.session-token", "s3.session-token"},
      {"s3.path-style-access", "s3.path.style.access"},
  };
  Options settings;
  for (const auto& [theirs, ours] : kNames) {
    const std::string value = config ? config->TextOr(theirs, "") : "";
    if (!value.empty()) settings[ours] = value;
  }
  return settings;
}

class RestCatalog final : public IcebergCatalog {
 public:
  explicit RestCatalog(const IcebergOptions& options)
      : options_(options), base_(options.uri), files_(options.all) {
    while (base_.ends_with('/')) base_.pop_back();
    if (!base_.ends_with("/v1")) base_ += "/v1";
    for (size_t start = 0; start <= options.database.size();) {
      const size_t dot = std::min(options.database.find('.', start), options.database.size());
      levels_.push_back(options.database.substr(start, dot - start));
      start = dot + 1;
    }
  }

  Result<std::optional<IcebergTable>> Load() override {
    MILL_RETURN(Configure());
    MILL_ASSIGN(const HttpResponse response, Send("GET", TablePath(), ""));
    if (response.status == kNotFound) return std::optional<IcebergTable>();
    if (!response.ok()) return Refused("load table '" + options_.full_name() + "'", response);
    MILL_ASSIGN(auto table, TableOf(response.body));
    return std::optional(std::move(table));
  }

  Result<IcebergTable> Create(const IcebergTableDraft& draft) override {
    MILL_RETURN(CreateNamespace());
    JsonTree body;
    body.Set("name", options_.table);
    body.Set("schema", ToJson(draft.schema));
    body.Set("partition-spec", ToJson(draft.spec));
    body.Set("properties", draft.properties);
    MILL_ASSIGN(const HttpResponse response,
                Send("POST", NamespacePath() + "/tables", body.ToText()));
    if (response.status == kConflict) return LoadIcebergTable(this, options_.full_name());
    if (!response.ok()) return Refused("create table '" + options_.full_name() + "'", response);
    return TableOf(response.body);
  }

  Result<IcebergCommit> Commit(const IcebergTable&, const JsonTree::Array& requirements,
                               const JsonTree::Array& updates) override {
    JsonTree::Array levels;
    for (const std::string& level : levels_) levels.emplace_back(level);
    JsonTree identifier, body;
    identifier.Set("namespace", std::move(levels));
    identifier.Set("name", options_.table);
    body.Set("identifier", std::move(identifier));
    body.Set("requirements", requirements);
    body.Set("updates", updates);
    MILL_ASSIGN(const HttpResponse response, Send("POST", TablePath(), body.ToText()));
    if (response.ok()) return IcebergCommit::kDone;
    if (response.status == kConflict) return IcebergCommit::kConflict;
    return Refused("commit to table '" + options_.full_name() + "'", response);
  }

  IcebergFiles& files() override { return files_; }

 private:
  // Paths as the server's configuration has them: a prefix may stand before them.
  std::string NamespacePath() const {
    std::string name;
    for (const std::string& level : levels_) {
      name += (name.empty() ? "" : "%1F") + UrlEncoded(level);
    }
    return prefix_ + "/namespaces/" + name;
  }
  std::string TablePath() const {
    return NamespacePath() + "/tables/" + UrlEncoded(options_.table);
  }

  Status Configure() {
    if (configured_) return Status::OK();
    std::string path = "/config";
    if (!options_.warehouse.empty()) path += "?warehouse=" + UrlEncoded(options_.warehouse);
    MILL_ASSIGN(const HttpResponse response, Send("GET", path, ""));
    if (!response.ok()) return Refused("read the configuration", response);
    MILL_ASSIGN(const JsonTree json, JsonTree::Parse(response.body));
    for (const char* part : {"defaults", "overrides"}) {
      const JsonTree* values = json.Find(part);
      if (!values) continue;
      const std::string prefix = values->TextOr("prefix", "");
      if (!prefix.empty()) prefix_ = "/" + prefix;
      for (auto& [key, value] : S3Settings(values)) catalog_s3_[key] = value;
    }
    UseFiles(catalog_s3_);
    configured_ = true;
    return Status::OK();
  }

  // What the script says goes before what the catalog says.
  void UseFiles(const Options& settings) {
    if (settings == used_s3_) return;
    used_s3_ = settings;
    Options all = options_.all;
    all.insert(settings.begin(), settings.end());
    files_.SetOptions(std::move(all));
  }

  Result<IcebergTable> TableOf(const std::string& body) {
    MILL_ASSIGN(JsonTree json, JsonTree::Parse(body));
    IcebergTable table;
    table.metadata_location = json.TextOr("metadata-location", "");
    JsonTree* metadata = json.Find("metadata");
    if (!metadata) return ExternalError("the REST catalog's answer has no metadata");
    MILL_ASSIGN(table.metadata, IcebergMetadata::Parse(std::move(*metadata)));
    Options settings = catalog_s3_;
    for (auto& [key, value] : S3Settings(json.Find("config"))) settings[key] = value;
    UseFiles(settings);
    return table;
  }

  Status CreateNamespace() {
    JsonTree::Array levels;
    for (const std::string& level : levels_) levels.emplace_back(level);
    JsonTree body;
    body.Set("namespace", std::move(levels));
    body.Set("properties", JsonTree::Object());
    MILL_ASSIGN(const HttpResponse response, Send("POST", prefix_ + "/namespaces", body.ToText()));
    if (response.ok() || response.status == kConflict) return Status::OK();
    return Refused("create namespace '" + options_.database + "'", response);
  }

  // Sends a request with the token; a token that has expired is replaced once.
  Result<HttpResponse> Send(const std::string& method, const std::string& path,
                            const std::string& body) {
    MILL_RETURN(GetToken());
    MILL_ASSIGN(HttpResponse response, SendOnce(method, path, body));
    const bool renewable = options_.all.contains("credential");
    if (response.status != kUnauthorized || !renewable) return response;
    token_.clear();
    MILL_RETURN(GetToken());
    return SendOnce(method, path, body);
  }

  Result<HttpResponse> SendOnce(const std::string& method, const std::string& path,
                                const std::string& body) {
    HttpRequest request;
    request.method = method;
    request.url = base_ + path;
    request.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
    if (!token_.empty()) request.headers.emplace_back("Authorization", "Bearer " + token_);
    request.body = body;
    return client_.Send(request);
  }

  Status GetToken() {
    if (!token_.empty()) return Status::OK();
    MILL_ASSIGN(token_, ResolveSecrets(StringOption(options_.all, "token", "")));
    if (!token_.empty() || !options_.all.contains("credential")) return Status::OK();
    MILL_ASSIGN(const std::string credential,
                ResolveSecrets(StringOption(options_.all, "credential", "")));
    const size_t colon = std::min(credential.find(':'), credential.size());
    HttpRequest request;
    request.method = "POST";
    request.url = StringOption(options_.all, "oauth2-server-uri", base_ + "/oauth/tokens");
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = "grant_type=client_credentials&scope=" +
                   UrlEncoded(StringOption(options_.all, "scope", "catalog"));
    if (colon > 0 && colon < credential.size()) {
      request.body += "&client_id=" + UrlEncoded(credential.substr(0, colon));
    }
    request.body += "&client_secret=" +
                    UrlEncoded(colon < credential.size() ? credential.substr(colon + 1)
                                                         : credential);
    MILL_ASSIGN(const HttpResponse response, client_.Send(request));
    if (!response.ok()) return Refused("get a token for the option 'credential'", response);
    MILL_ASSIGN(const JsonTree json, JsonTree::Parse(response.body));
    MILL_ASSIGN(token_, json.Text("access_token"));
    return Status::OK();
  }

  IcebergOptions options_;
  std::string base_, prefix_, token_;
  std::vector<std::string> levels_;  // of the namespace
  HttpClient client_;
  bool configured_ = false;
  Options catalog_s3_, used_s3_;
  IcebergFiles files_;
};

}  // namespace

Result<std::unique_ptr<IcebergCatalog>> OpenRestCatalog(const IcebergOptions& options) {
  return std::make_unique<RestCatalog>(options);
}

}  // namespace millrace
