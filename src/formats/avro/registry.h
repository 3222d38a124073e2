// A schema registry that speaks Confluent's HTTP API (Confluent, Apicurio, Karapace, Redpanda).
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/http.h"
#include "formats/avro/schema.h"
#include "formats/format.h"

namespace millrace {

// Where the registry is and who we are, from the options "avro-confluent.*".
struct RegistryOptions {
  std::vector<std::string> urls;  // tried in turn
  HttpTls tls;
  std::string user, password;  // basic authentication
  std::string bearer;          // or this token
  bool auto_register = true;   // false: schemas that are not registered are an error

  // Reads and checks the options; secrets are put in.
  static Result<RegistryOptions> Read(const Options& options);
};

// Owned by one thread. Calls block: a registry that does not answer, or is overloaded, is asked
// again for a few seconds. Errors: IOError where it stays away, Invalid where it refuses.
class SchemaRegistry {
 public:
  explicit SchemaRegistry(RegistryOptions options);

  // The schema of that id; remembered, also that there is none. KeyError if there is none.
  Result<std::shared_ptr<const AvroSchema>> SchemaOf(uint32_t id);
  // The id of `schema` in `subject`, registered there if it is new.
  Result<uint32_t> Register(const std::string& subject, const AvroSchema& schema);

 private:
  Result<HttpResponse> Ask(const std::string& method, const std::string& path,
                           const std::string& body);
  Result<std::shared_ptr<const AvroSchema>> Fetch(uint32_t id);

  RegistryOptions options_;
  HttpClient client_;
  size_t current_ = 0;  // of options_.urls
  std::map<uint32_t, std::shared_ptr<const AvroSchema>> known_;
  std::map<uint32_t, Status> unknown_;
};

}  // namespace millrace
