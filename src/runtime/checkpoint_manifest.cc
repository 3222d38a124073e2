#include "runtime/checkpoint_manifest.h"

#include <simdjson.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/files.h"
#include "state/state_file.h"

namespace millrace {

namespace {

namespace dom = simdjson::dom;

constexpr const char* kFormat = "millrace-checkpoint";
constexpr std::string_view kHexMark = "hex:";

// ---- writing ----

// A JSON string. Bytes that are no UTF-8 (of file names) are written in hex.
std::string Quoted(std::string_view text) {
  if (!simdjson::validate_utf8(text.data(), text.size()) || text.starts_with(kHexMark)) {
    std::string hex = "\"" + std::string(kHexMark);
    for (const char c : text) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return hex + "\"";
  }
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// The elements' texts as an array, one a line.
template <typename Items, typename ToText>
std::string Array(const Items& items, const std::string& indent, ToText to_text) {
  std::string out = "[";
  bool first = true;
  for (const auto& item : items) {
    out += (first ? "\n" : ",\n") + indent + to_text(item);
    first = false;
  }
  return out + "]";
}

std::string FileText(const StateFile& file) {
  return fmt::format(
      R"({{"table": {}, "path": {}, "delta": {}, "erased": {}, "stored": {}, "rows": {}, )"
      R"("bytes": {}, "checksum": "{:016x}", "groups": [{}, {}]}})",
      Quoted(file.table), Quoted(file.path), file.delta, file.erased, file.stored, file.rows,
      file.bytes,
      file.checksum, file.min_group, file.max_group);
}

std::string OperatorText(const ManifestOperator& op) {
  const auto chain = [](const auto& entry) {
    return fmt::format(R"({{"instance": {}, "files": {}}})", entry.first,
                       Array(entry.second, "        ", FileText));
  };
  const auto late_from = [](const auto& entry) {
    return fmt::format(R"({{"split": {}, "rows": {}}})", Quoted(entry.first), entry.second);
  };
  return fmt::format(
      R"({{"id": {}, "what": {}, "rows_in": {}, "rows_out": {}, "late": {}, "filtered": {}, )"
      R"("alignment_us": {}, "save_us": {}, "bytes": {}, "late_from": {}, "instances": {}}})",
      Quoted(op.id), Quoted(op.what), op.counters.rows_in, op.counters.rows_out, op.counters.late,
      op.counters.filtered, op.alignment.count(), op.save.count(), op.bytes,
      Array(op.counters.late_from, "      ", late_from), Array(op.chains, "      ", chain));
}

std::string LaneText(const LaneSnapshot& lane) {
  return fmt::format(
      R"({{"id": {}, "position": {}, "watermark": {}, "processing_time": {}, "idle": {}, )"
      R"("ended": {}, "rows": {}, "bytes": {}, "dead_lettered": {}}})",
      Quoted(lane.id), Quoted(lane.position), lane.watermark, lane.processing_time, lane.idle,
      lane.ended, lane.counters.rows, lane.counters.bytes, lane.counters.dead_lettered);
}

std::string SinkText(const ManifestSink& sink) {
  const auto payload = [](const ManifestPayload& each) {
    return fmt::format(R"({{"epoch": {}, "path": {}, "bytes": {}, "checksum": "{:016x}"}})",
                       each.epoch, Quoted(each.path), each.bytes, each.checksum);
  };
  return fmt::format(R"({{"id": {}, "rows": {}, "published_epochs": {}, "retries": {}, )"
                     R"("rejected": {}, "pending": {}}})",
                     Quoted(sink.id), sink.counters.rows, sink.counters.published_epochs,
                     sink.counters.troubles.retries, sink.counters.troubles.rejected,
                     Array(sink.pending, "      ", payload));
}

// ---- reading ----

std::string Unquoted(std::string_view text) {
  if (!text.starts_with(kHexMark)) return std::string(text);
  std::string bytes;
  for (size_t at = kHexMark.size(); at + 1 < text.size(); at += 2) {
    unsigned value = 0;
    std::from_chars(text.data() + at, text.data() + at + 2, value, 16);
    bytes += static_cast<char>(value);
  }
  return bytes;
}

// Fields by name; simdjson's exceptions are caught where the manifest is read.
std::string Text(const dom::element& in, const char* key) {
  return Unquoted(std::string_view(in[key]));
}
int64_t Number(const dom::element& in, const char* key) { return int64_t(in[key]); }
int64_t NumberOr0(const dom::element& in, const char* key) {
  int64_t number = 0;
  return in[key].get(number) == simdjson::SUCCESS ? number : 0;
}
bool Flag(const dom::element& in, const char* key) { return bool(in[key]); }
uint64_t Hex(const dom::element& in, const char* key) {
  const std::string_view text(in[key]);
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

StateFile FileOf(const dom::element& in) {
  StateFile file;
  file.table = Text(in, "table");
  file.path = Text(in, "path");
  file.delta = Flag(in, "delta");
  file.erased = Flag(in, "erased");
  bool stored = false;  // manifests of before do not have it
  file.stored = in["stored"].get(stored) == simdjson::SUCCESS && stored;
  file.rows = Number(in, "rows");
  file.bytes = Number(in, "bytes");
  file.checksum = Hex(in, "checksum");
  const dom::array groups = in["groups"];
  file.min_group = static_cast<uint32_t>(uint64_t(groups.at(0)));
  file.max_group = static_cast<uint32_t>(uint64_t(groups.at(1)));
  return file;
}

ManifestOperator OperatorOf(const dom::element& in) {
  ManifestOperator op;
  op.id = Text(in, "id");
  op.what = Text(in, "what");
  op.counters = {Number(in, "rows_in"), Number(in, "rows_out"), Number(in, "late"),
                 Number(in, "filtered")};
  op.alignment = std::chrono::microseconds(NumberOr0(in, "alignment_us"));
  op.save = std::chrono::microseconds(NumberOr0(in, "save_us"));
  op.bytes = NumberOr0(in, "bytes");
  for (const dom::element from : dom::array(in["late_from"])) {
    op.counters.late_from[Text(from, "split")] = Number(from, "rows");
  }
  for (const dom::element instance : dom::array(in["instances"])) {
    StateChain& chain = op.chains[static_cast<int>(Number(instance, "instance"))];
    for (const dom::element file : dom::array(instance["files"])) chain.push_back(FileOf(file));
  }
  return op;
}

LaneSnapshot LaneOf(const dom::element& in) {
  LaneSnapshot lane;
  lane.id = Text(in, "id");
  lane.position = Text(in, "position");
  lane.watermark = Number(in, "watermark");
  lane.processing_time = Number(in, "processing_time");
  lane.idle = Flag(in, "idle");
  lane.ended = Flag(in, "ended");
  lane.counters = {Number(in, "rows"), Number(in, "bytes"), Number(in, "dead_lettered")};
  return lane;
}

ManifestSink SinkOf(const dom::element& in) {
  ManifestSink sink;
  sink.id = Text(in, "id");
  sink.counters = {Number(in, "rows"), Number(in, "published_epochs"),
                   {NumberOr0(in, "retries"), NumberOr0(in, "rejected")}};  // not of old
  for (const dom::element each : dom::array(in["pending"])) {
    sink.pending.push_back(
        {Number(each, "epoch"), Text(each, "path"), Number(each, "bytes"), Hex(each, "checksum")});
  }
  return sink;
}

Manifest ManifestOf(const dom::element& in) {
  Manifest manifest;
  manifest.name = {Text(in, "job"),         Text(in, "lineage"),   Number(in, "epoch"),
                   Text(in, "script_hash"), Flag(in, "savepoint"), Flag(in, "finished"),
                   static_cast<uint32_t>(Number(in, "key_groups"))};
  manifest.created = Text(in, "created");
  for (const dom::element each : dom::array(in["operators"])) {
    manifest.operators.push_back(OperatorOf(each));
  }
  for (const dom::element each : dom::array(in["sources"])) manifest.lanes.push_back(LaneOf(each));
  for (const dom::element each : dom::array(in["sinks"])) manifest.sinks.push_back(SinkOf(each));
  dom::element rejects;
  if (in["rejects"].get(rejects) == simdjson::SUCCESS) {
    manifest.rejects = Committable{Number(rejects, "epoch"), Text(rejects, "payload")};
  }
  return manifest;
}

Result<Manifest> Parse(const std::string& body, const std::string& path) {
  try {
    dom::parser parser;
    const dom::element root = parser.parse(body);
    if (std::string_view(root["format"]) != kFormat) {
      return UserError("'{}' is not a checkpoint of Millrace", path);
    }
    if (int64_t(root["version"]) != Manifest::kVersion) {
      return UserError("'{}' has format version {}, this program reads {}", path,
                       int64_t(root["version"]), Manifest::kVersion);
    }
    return ManifestOf(root);
  } catch (const simdjson::simdjson_error& error) {
    return ExternalError("'{}' is damaged: {}", path, error.what());
  }
}

constexpr std::string_view kHead = "{\"checksum\": \"";
constexpr std::string_view kMiddle = "\",\n\"manifest\": ";
constexpr std::string_view kTail = "}\n";

}  // namespace

std::string ManifestToJson(const Manifest& manifest) {
  const CheckpointName& name = manifest.name;
  std::string body = fmt::format(
      R"({{"format": "{}", "version": {},)"
      "\n"
      R"(  "job": {}, "lineage": {}, "epoch": {}, "savepoint": {}, "finished": {},)"
      "\n"
      R"(  "created": {}, "script_hash": {}, "key_groups": {},)",
      kFormat, Manifest::kVersion, Quoted(name.job), Quoted(name.lineage), name.epoch,
      name.savepoint, name.finished, Quoted(manifest.created), Quoted(name.script_hash),
      name.key_groups);
  body += "\n  \"operators\": " + Array(manifest.operators, "    ", OperatorText);
  body += ",\n  \"sources\": " + Array(manifest.lanes, "    ", LaneText);
  body += ",\n  \"sinks\": " + Array(manifest.sinks, "    ", SinkText);
  if (manifest.rejects) {
    body += fmt::format(R"(,{}  "rejects": {{"epoch": {}, "payload": {}}})", "\n",
                        manifest.rejects->epoch, Quoted(manifest.rejects->payload));
  }
  body += "}";
  return fmt::format("{}{:016x}{}{}{}", kHead, XXH64(body.data(), body.size(), 0), kMiddle, body,
                     kTail);
}

Result<Manifest> ManifestFromJson(const std::string& text, const std::string& path) {
  const size_t body_at = kHead.size() + 16 + kMiddle.size();
  const bool framed = text.size() >= body_at + kTail.size() && text.starts_with(kHead) &&
                      text.ends_with(kTail) &&
                      text.substr(kHead.size() + 16, kMiddle.size()) == kMiddle;
  if (!framed) {
    return ExternalError("'{}' is damaged: it is cut off or no manifest", path);
  }
  const std::string body = text.substr(body_at, text.size() - body_at - kTail.size());
  const std::string wanted = fmt::format("{:016x}", XXH64(body.data(), body.size(), 0));
  if (text.substr(kHead.size(), 16) != wanted) {
    return ExternalError("'{}' is damaged: its checksum is {}, its text has {}", path,
                         text.substr(kHead.size(), 16), wanted);
  }
  return Parse(body, path);
}

Result<Manifest> ReadManifest(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return ExternalError("cannot read '{}': {}", path, std::strerror(errno));
  std::stringstream text;
  text << file.rdbuf();
  return ManifestFromJson(text.str(), path);
}

Status WriteManifest(const Manifest& manifest, const std::string& folder) {
  const std::string path =
      fmt::format("{}/{}-{}.json", folder, manifest.name.savepoint ? "savepoint" : "chk",
                  manifest.name.epoch);
  const std::string temporary = path + std::string(kManifestInProgress);
  const std::string text = ManifestToJson(manifest);
  MILL_ASSIGN(auto file, DurableFile::Create(temporary));
  MILL_RETURN(file->Write(text.data(), std::ssize(text)));
  MILL_RETURN(file->Close());
  if (RenameFile(temporary, path) != 0) {
    return ExternalError("cannot rename '{}': {}", temporary, std::strerror(errno));
  }
  return SyncFolder(folder);
}

std::vector<ManifestFile> ListManifests(const std::string& folder) {
  std::vector<ManifestFile> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    for (const std::string_view start : {"chk-", "savepoint-"}) {
      if (!name.starts_with(start) || !name.ends_with(".json")) continue;
      ManifestFile file{entry.path().string(), 0};
      const char* end = name.data() + name.size() - 5;
      const auto [rest, failed] = std::from_chars(name.data() + start.size(), end, file.epoch);
      if (failed == std::errc() && rest == end) found.push_back(std::move(file));
    }
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.epoch > b.epoch; });
  return found;
}

}  // namespace millrace
