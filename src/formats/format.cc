#include "formats/format.h"

#include <algorithm>

#include "base/nearest.h"
#include "formats/debezium.h"
#include "formats/makers.h"

namespace millrace {
namespace {

const std::vector<std::string>& FormatNames() {
  static const std::vector<std::string> kNames = {
      "json", "csv",           "raw",           "regex",   "parquet",
      "avro", "avro-confluent", "debezium-json", "protobuf"};
  return kNames;
}

Status UnknownFormat(const std::string& name) {
  const std::string near = NearestName(name, FormatNames());
  if (!near.empty()) return UserError("unknown format '{}'. did you mean '{}'?", name, near);
  return UserError("unknown format '{}'. formats: {}", name, fmt::join(FormatNames(), ", "));
}

}  // namespace

Status CheckFormatOptions(const std::string& name, const Options& options) {
  const std::vector<std::string> known = FormatOptionNames(name);
  if (known.empty()) return UnknownFormat(name);
  for (const auto& [key, value] : options) {
    if (!key.starts_with(name + ".")) continue;
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const std::string near = NearestName(key, known);
    const std::string hint = near.empty() ? "" : fmt::format(". did you mean '{}'?", near);
    return UserError("unknown option '{}' of format '{}'{}", key, name, hint);
  }
  return Status::OK();
}

Result<std::shared_ptr<arrow::Buffer>> PaddedBytes(const Chunk& chunk) {
  const auto& bytes = chunk.bytes;
  if (bytes->capacity() - bytes->size() >= kChunkPadding) return bytes;
  MILL_ASSIGN(auto copy, arrow::AllocateBuffer(bytes->size() + kChunkPadding));
  std::memcpy(copy->mutable_data(), bytes->data(), static_cast<size_t>(bytes->size()));
  std::memset(copy->mutable_data() + bytes->size(), 0, kChunkPadding);
  return arrow::SliceBuffer(std::move(copy), 0, bytes->size());
}

bool ReportOversize(const Chunk& chunk, DeadLetters& dead) {
  if (!chunk.oversize) return false;
  constexpr size_t kShown = 64 << 10;
  const std::string_view bytes(*chunk.bytes);
  dead.Add({chunk.file, chunk.first_line, bytes.substr(0, kShown),
            fmt::format("record is too big: over {} bytes", bytes.size())});
  return true;
}

std::string_view WithoutByteOrderMark(const Chunk& chunk, std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (chunk.first_line == 1 && text.starts_with(kMark)) text.remove_prefix(kMark.size());
  return text;
}

std::vector<std::string> FormatOptionNames(const std::string& name) {
  if (name == "json") {
    return {"json.ignore-parse-errors",       "json.fail-on-missing-field",
            "json.timestamp-format.standard", "json.map-null-key.mode",
            "json.map-null-key.literal",      "json.encode.decimal-as-plain-number",
            "json.encode.ignore-null-fields", "json.decode.json-parser.enabled"};
  }
  if (name == "csv") {
    return {"csv.field-delimiter",
            "csv.disable-quote-character",
            "csv.quote-character",
            "csv.allow-comments",
            "csv.ignore-parse-errors",
            "csv.array-element-delimiter",
            "csv.escape-character",
            "csv.null-literal",
            "csv.header",
            "csv.write-bigdecimal-in-scientific-notation"};
  }
  if (name == "raw") return {"raw.charset", "raw.endianness"};
  if (name == "regex") return {"regex.pattern", "regex.ignore-parse-errors"};
  if (name == "parquet") {
    return {"parquet.compression", "parquet.enable.dictionary", "parquet.page.size",
            "parquet.block.size", "parquet.utc-timezone"};
  }
  if (name == "avro") {
    return {"avro.codec", "avro.encoding", "avro.timestamp_mapping.legacy"};
  }
  if (name == "avro-confluent") {
    return {"avro-confluent.url",
            "avro-confluent.subject",
            "avro-confluent.schema",
            "avro-confluent.ssl.keystore.location",
            "avro-confluent.ssl.keystore.password",
            "avro-confluent.ssl.truststore.location",
            "avro-confluent.ssl.truststore.password",
            "avro-confluent.basic-auth.credentials-source",
            "avro-confluent.basic-auth.user-info",
            "avro-confluent.bearer-auth.credentials-source",
            "avro-confluent.bearer-auth.token",
            "avro-confluent.properties.auto.register.schemas",
            "avro-confluent.properties.basic.auth.user.info"};
  }
  if (name == "debezium-json") return DebeziumOptionNames();
  if (name == "protobuf") {
    return {"protobuf.message-class-name", "protobuf.descriptor-file",
            "protobuf.ignore-parse-errors", "protobuf.read-default-values",
            "protobuf.write-null-string-literal"};
  }
  return {};
}

namespace {

// Of formats whose records are no text.
Status NoLines(const std::string& name) {
  return UserError("format '{}' has no records to be read one by one from a stream of bytes", name);
}

bool IsBinary(const std::string& name) {
  return name == "parquet" || name.starts_with("avro") || name == "protobuf";
}

}  // namespace

Result<std::unique_ptr<Decoder>> MakeDecoder(const std::string& name, const Schema& schema,
                                             const Schema& all, const Options& options) {
  MILL_RETURN(CheckFormatOptions(name, options));
  if (name == "json") return MakeJsonDecoder(schema, options);
  if (name == "csv") return MakeCsvDecoder(schema, all, options);
  if (name == "raw") return MakeRawDecoder(schema, all, options);
  if (name == "debezium-json") return MakeDebeziumDecoder(schema, 0, options);
  if (IsBinary(name)) return NoLines(name);
  return MakeRegexDecoder(schema, all, options);
}

Result<std::unique_ptr<Encoder>> MakeEncoder(const std::string& name, const Schema& schema,
                                             const Options& options) {
  MILL_RETURN(CheckFormatOptions(name, options));
  if (name == "json") return MakeJsonEncoder(schema, options);
  if (name == "csv") return MakeCsvEncoder(schema, options);
  if (name == "raw") return MakeRawEncoder(schema, options);
  if (name == "debezium-json") return MakeDebeziumEncoder(schema, options);
  return UserError("format '{}' cannot be written here", name);
}

}  // namespace millrace
