// The manifest of a checkpoint: a JSON file that names all that belongs to it. A checkpoint is complete
// when its manifest stands under its name; nothing else marks it. All paths are relative to the folder
// that the manifest stands in:
//
//   chk-12.json                          manifest (savepoint-12.json for a savepoint)
//   state/12/<operator>/<table>-<instance>.parquet   state files; also of older epochs, as deltas need
//   state/12/sink-<n>.bin                what a sink has staged, opaque
//
//   {"checksum": "<XXH64 of the text of the manifest object, hex>",
//   "manifest": {"format": "millrace-checkpoint", "version": 1, "job": ..., "epoch": 12, ...}}
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/checkpoint.h"
#include "state/snapshot_files.h"

namespace millrace {

struct ManifestOperator {
  std::string id, what;
  OperatorCounters counters;
  std::map<int, StateChain> chains;  // by instance that saved
  // Of this checkpoint: the longest that an instance waited for its last barrier and took to save,
  // and what was written. 0 in manifests of versions that did not tell.
  std::chrono::microseconds alignment{0}, save{0};
  int64_t bytes = 0;
};

// A staged epoch of a sink, its payload in a file.
struct ManifestPayload {
  int64_t epoch = 0;
  std::string path;
  int64_t bytes = 0;
  uint64_t checksum = 0;
};

struct ManifestSink {
  std::string id;
  SinkCounters counters;
  std::vector<ManifestPayload> pending;
};

struct Manifest {
  static constexpr int kVersion = 1;
  CheckpointName name;
  std::string created;  // "2026-01-31T12:00:00Z"
  std::vector<ManifestOperator> operators;
  std::vector<LaneSnapshot> lanes;
  std::vector<ManifestSink> sinks;
  std::optional<Committable> rejects;
};

std::string ManifestToJson(const Manifest& manifest);
// `path` is for errors, which say what is wrong with the file.
Result<Manifest> ManifestFromJson(const std::string& text, const std::string& path);
Result<Manifest> ReadManifest(const std::string& path);

// Makes the manifest durable under its name in `folder`, which makes the checkpoint complete: its
// files are durable before.
Status WriteManifest(const Manifest& manifest, const std::string& folder);
// What the name of a manifest ends in while it is written.
inline constexpr std::string_view kManifestInProgress = ".inprogress";
// Where the files of epoch `epoch` lie below the manifest's folder.
inline std::string EpochFolder(int64_t epoch) { return fmt::format("state/{}", epoch); }

// A manifest found in a folder, newest first.
struct ManifestFile {
  std::string path;
  int64_t epoch = 0;
};
std::vector<ManifestFile> ListManifests(const std::string& folder);

}  // namespace millrace
