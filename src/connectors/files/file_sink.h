// Writes rows into files of a folder, exactly once. A file in progress is hidden; staging makes it
// durable under a name that is still hidden, publishing renames it:
//
//   out/day=2024-01-01/.part-5f2c-3.inprogress   being written; garbage once its writer is dead
//                      .part-5f2c-7-3.staged     of epoch 7, durable, named by a committable
//                      part-5f2c-7-3.json        published
//   out/.part-5f2c.lock                          locked while the writer 5f2c lives
//
// All names of a writer hold its id: 16 digits for its owner, the job's sink, and 12 random ones. Files
// of others are never touched, but for those in progress of dead ones, which Open removes. What dead
// writers of the same owner have staged is removed by Recover unless the checkpoint names it. A
// committable holds the names relative to the table's folder, so any other Sink object for the table
// can publish it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "connectors/files/output_file.h"
#include "connectors/files/partition_folders.h"
#include "formats/file_encoder.h"

namespace millrace {

class FileSink : public Sink {
 public:
  static Result<std::unique_ptr<FileSink>> Make(const TableInfo& table);
  ~FileSink() override;

  Status Open() override;
  Status Write(const Batch& batch) override;
  Result<Committable> Stage(int64_t epoch) override;
  Status Publish(const Committable& committable) override;
  Status Recover(const std::vector<Committable>& pending) override;
  Status Abort() override;
  bool takes_changelog() const override { return false; }

 private:
  struct OpenFile {
    std::shared_ptr<OutputFile> stream;
    std::unique_ptr<FileEncoder> encoder;
    std::string folder;  // of the partition, "" or ending with '/'
    std::string hidden;  // the name in it
    int64_t sequence = 0;
    Timestamp opened = 0;  // arrival of its first row
  };

  FileSink() = default;
  Status ReadRolling(const Options& options);
  Status WriteRows(const std::string& folder, const arrow::RecordBatch& rows, Timestamp arrival);
  Result<OpenFile*> FileOf(const std::string& folder, Timestamp arrival);
  Status CloseFile(OpenFile file);
  Status CloseAll();
  Status CloseOld(Timestamp now);
  Status BoundMemory();
  Status SyncFolders() const;
  void ForEachHidden(const std::string& folder, size_t depth,
                     const std::function<void(const std::string& folder,
                                              const std::string& name)>& visit) const;
  bool IsAlive(const std::string& writer) const;
  void RemoveUnstaged();

  std::string path_;    // ends with '/'
  std::string ending_;  // ".json"
  std::string owner_;   // the front of the ids of all its writers
  std::string writer_;  // tells this writer's files from all others
  std::unique_ptr<LockFile> lock_;
  std::unique_ptr<PartitionFolders> partitions_;
  FileEncoderMaker make_encoder_;
  int64_t max_bytes_ = 0;
  int64_t max_age_ = 0, check_age_ = 0;  // ms
  Timestamp checked_ = kMinTimestamp;    // when files were last looked at for their age
  int64_t sequence_ = 0;
  std::map<std::string, OpenFile> open_;  // by partition
  std::vector<OpenFile> closed_;          // of the current epoch, durable
  std::vector<std::string> staged_;       // hidden files that wait for Publish
};

}  // namespace millrace
