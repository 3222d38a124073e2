#include "engine/inspect.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "data/pretty.h"
#include "data/text_table.h"
#include "runtime/checkpoint_copy.h"
#include "state/stored_table.h"

namespace millrace {

namespace {

namespace fs = std::filesystem;

// Manifests at or below `path`.
std::vector<std::string> FindManifests(const std::string& path) {
  std::vector<std::string> found;
  std::error_code error;
  if (fs::is_regular_file(path, error)) return {path};
  std::vector<std::string> folders = {path};
  for (const auto& entry : fs::recursive_directory_iterator(path, error)) {
    if (entry.is_directory(error)) folders.push_back(entry.path().string());
  }
  std::sort(folders.begin(), folders.end());
  for (const std::string& folder : folders) {
    for (const ManifestFile& file : ListManifests(folder)) found.push_back(file.path);
  }
  return found;
}

std::string RootOf(const std::string& manifest) {
  const std::string root = fs::path(manifest).parent_path().string();
  return root.empty() ? "." : root;
}

int64_t BytesOf(const Manifest& manifest) {
  int64_t bytes = 0;
  for (const auto& op : manifest.operators) {
    for (const auto& [instance, chain] : op.chains) {
      for (const StateFile& file : chain) bytes += file.bytes;
    }
  }
  for (const auto& sink : manifest.sinks) {
    for (const auto& payload : sink.pending) bytes += payload.bytes;
  }
  return bytes;
}

std::string CheckFiles(const Manifest& manifest, const std::string& root) {
  for (const auto& op : manifest.operators) {
    for (const auto& [instance, chain] : op.chains) {
      const Status status = VerifyFiles(root, chain);
      if (!status.ok()) return status.message();
    }
  }
  return "whole";
}

std::string KindOf(const CheckpointName& name) {
  return std::string(name.savepoint ? "savepoint" : "checkpoint") + (name.finished ? ", job ended" : "");
}

Result<std::pair<std::string, Manifest>> Newest(const std::string& path) {
  const auto found = FindManifests(path);
  if (found.empty()) return UserError("there is no checkpoint in '{}'", path);
  MILL_ASSIGN(Manifest manifest, ReadManifest(found[0]));
  return std::make_pair(found[0], std::move(manifest));
}

std::string TimeText(Timestamp time) {
  if (time == kMinTimestamp) return "-";
  return time == kMaxTimestamp ? "end" : FormatTimestamp(time);
}

Result<std::string> RowsOf(const std::string& root, const StateFile& file, int64_t limit) {
  MILL_ASSIGN(const auto batches, ReadStateFile(root, file));
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> rows;
  for (const auto& batch : batches) {
    if (names.empty()) names = batch->schema()->field_names();
    for (int64_t row = 0; row < batch->num_rows() && std::ssize(rows) < limit; ++row) {
      std::vector<std::string>& cells = rows.emplace_back();
      for (const auto& column : batch->columns()) cells.push_back(FormatValue(*column, row));
    }
  }
  return rows.empty() ? "" : TextTable(names, rows);
}

// Some rows of a table whose files are a database.
Result<std::string> StoredRowsOf(const StoredRows& stored, int64_t limit) {
  MILL_ASSIGN(const auto found, FirstStoredRows(stored, limit));
  if (!found) return std::string();
  std::vector<std::vector<std::string>> rows;
  for (int64_t row = 0; row < found->num_rows(); ++row) {
    std::vector<std::string>& cells = rows.emplace_back();
    for (const auto& column : found->columns()) cells.push_back(FormatValue(*column, row));
  }
  return TextTable(found->schema()->field_names(), rows);
}

// A line for each database of the chain.
Result<std::string> StoredText(const StateChain& chain, const std::string& root, int64_t rows) {
  std::string text;
  std::map<std::string, std::pair<int64_t, int64_t>> sizes;  // files, bytes
  for (const StateFile& file : chain) {
    if (!file.stored) continue;
    ++sizes[file.table].first;
    sizes[file.table].second += file.bytes;
  }
  for (const auto& [table, size] : sizes) {
    const auto stored = StoredInChain(root, chain, table)[0];
    text += fmt::format("  {}: about {} rows, {} bytes, {} files of RocksDB\n", table,
                        stored->rows(), size.second, size.first);
    if (rows == 0) continue;
    MILL_ASSIGN(const std::string shown, StoredRowsOf(*stored, rows));
    text += shown;
  }
  return text;
}

Result<std::string> OperatorText(const ManifestOperator& op, const std::string& root, int64_t rows) {
  std::string text = fmt::format("\n{}\n  {}\n  {} rows in, {} out, {} late, {} filtered\n", op.id,
                                 op.what, op.counters.rows_in, op.counters.rows_out,
                                 op.counters.late, op.counters.filtered);
  const auto ms = [](auto time) { return static_cast<double>(time.count()) / 1000; };
  text += fmt::format("  this checkpoint: {:.1f} ms alignment, {:.1f} ms saving, {} bytes\n",
                      ms(op.alignment), ms(op.save), op.bytes);
  for (const auto& [instance, chain] : op.chains) {
    MILL_ASSIGN(const std::string stored, StoredText(chain, root, rows));
    text += stored;
    for (const StateFile& file : chain) {
      if (file.stored) continue;
      text += fmt::format("  {}{}{}: {} rows, {} bytes, {}\n", file.table,
                          file.delta ? " (delta)" : "", file.erased ? " (erased)" : "", file.rows,
                          file.bytes, file.path);
      if (rows == 0) continue;
      MILL_ASSIGN(const std::string shown, RowsOf(root, file, rows));
      text += shown;
    }
  }
  return text;
}

// Lines "what<TAB>value" of all that can differ.
std::map<std::string, std::string> Facts(const Manifest& manifest) {
  std::map<std::string, std::string> facts;
  facts["job"] = manifest.name.job;
  facts["lineage"] = manifest.name.lineage;
  facts["epoch"] = std::to_string(manifest.name.epoch);
  facts["script"] = manifest.name.script_hash;
  for (const auto& op : manifest.operators) {
    facts[op.id + ": what"] = op.what;
    facts[op.id + ": rows in"] = std::to_string(op.counters.rows_in);
    std::map<std::string, std::pair<int64_t, int64_t>> tables;
    for (const auto& [instance, chain] : op.chains) {
      for (const StateFile& file : chain) {
        tables[file.table].first += file.rows;
        tables[file.table].second += file.bytes;
      }
    }
    for (const auto& [table, size] : tables) {
      facts[op.id + ": " + table] = fmt::format("{} rows, {} bytes", size.first, size.second);
    }
  }
  for (const LaneSnapshot& lane : manifest.lanes) {
    facts[lane.id + ": rows"] = std::to_string(lane.counters.rows);
    facts[lane.id + ": position"] = lane.position;
    facts[lane.id + ": watermark"] = TimeText(lane.watermark);
  }
  for (const ManifestSink& sink : manifest.sinks) {
    facts[sink.id + ": rows"] = std::to_string(sink.counters.rows);
    facts[sink.id + ": epochs to publish"] = std::to_string(sink.pending.size());
  }
  return facts;
}

}  // namespace

Result<std::string> ListCheckpoints(const std::string& path) {
  const auto found = FindManifests(path);
  if (found.empty()) return UserError("there is no checkpoint in '{}'", path);
  std::vector<std::vector<std::string>> rows;
  for (const std::string& file : found) {
    const auto manifest = ReadManifest(file);
    if (!manifest.ok()) {
      rows.push_back({file, "", "", "", "", "", manifest.status().message()});
      continue;
    }
    const CheckpointName& name = manifest->name;
    rows.push_back({file, name.job, std::to_string(name.epoch), KindOf(name), manifest->created,
                    std::to_string(BytesOf(*manifest)), CheckFiles(*manifest, RootOf(file))});
  }
  return TextTable({"path", "job", "epoch", "kind", "created", "bytes", "files"}, rows);
}

Result<std::string> ShowCheckpoint(const std::string& path, int64_t rows) {
  MILL_ASSIGN(const auto found, Newest(path));
  const auto& [file, manifest] = found;
  const CheckpointName& name = manifest.name;
  std::string text = fmt::format("{}\n{} {} of job '{}', lineage {}, {}; files: {}\n", file,
                                 KindOf(name), name.epoch, name.job, name.lineage, manifest.created,
                                 CheckFiles(manifest, RootOf(file)));
  for (const LaneSnapshot& lane : manifest.lanes) {
    text += fmt::format("\n{}\n  {} rows, {} bytes, {} dead letters; position \"{}\"; watermark {}{}{}\n",
                        lane.id, lane.counters.rows, lane.counters.bytes,
                        lane.counters.dead_lettered, lane.position, TimeText(lane.watermark),
                        lane.idle ? "; idle" : "", lane.ended ? "; ended" : "");
  }
  for (const ManifestOperator& op : manifest.operators) {
    MILL_ASSIGN(const std::string shown, OperatorText(op, RootOf(file), rows));
    text += shown;
  }
  for (const ManifestSink& sink : manifest.sinks) {
    text += fmt::format("\n{}\n  {} rows, {} epochs published, {} to publish, {} retries, {} refused\n",
                        sink.id, sink.counters.rows, sink.counters.published_epochs,
                        sink.pending.size(), sink.counters.troubles.retries,
                        sink.counters.troubles.rejected);
  }
  return text;
}

Result<std::string> ExportCheckpoint(const std::string& path, const std::string& to) {
  MILL_ASSIGN(const auto found, Newest(path));
  const auto& [file, manifest] = found;
  MILL_ASSIGN(const Manifest copy, CopyCheckpoint(manifest, RootOf(file), to));
  return fmt::format("{} {} of job '{}' as Parquet in {}: {} bytes\n", KindOf(copy.name),
                     copy.name.epoch, copy.name.job, to, BytesOf(copy));
}

Result<std::string> DiffCheckpoints(const std::string& from, const std::string& to) {
  MILL_ASSIGN(const auto first, Newest(from));
  MILL_ASSIGN(const auto second, Newest(to));
  const auto before = Facts(first.second), after = Facts(second.second);
  std::set<std::string> keys;
  for (const auto& [key, value] : before) keys.insert(key);
  for (const auto& [key, value] : after) keys.insert(key);
  std::vector<std::vector<std::string>> rows;
  for (const std::string& key : keys) {
    const auto was = before.find(key), is = after.find(key);
    const std::string old_value = was == before.end() ? "-" : was->second;
    const std::string new_value = is == after.end() ? "-" : is->second;
    if (old_value != new_value) rows.push_back({key, old_value, new_value});
  }
  return rows.empty() ? std::string("no difference\n") : TextTable({"what", first.first, second.first}, rows);
}

}  // namespace millrace
