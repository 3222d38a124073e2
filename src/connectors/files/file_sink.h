// Writes rows into files of a folder, exactly once: sorted into the folders of partitions, encoded,
// and rolled by size and age. What a file is before it is published, and how it is, is its target's
// matter (output_target.h): a hidden file or a multipart upload. With 'auto-compaction' the rows of
// several epochs are gathered for a file (gatherer.h).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "connectors/files/gatherer.h"
#include "connectors/files/output_target.h"
#include "connectors/files/partition_commit.h"
#include "connectors/files/partition_folders.h"
#include "connectors/gathering_sink.h"
#include "formats/file_encoder.h"

namespace millrace {

class FileSink : public Sink, public GatheringSink {
 public:
  static Result<std::unique_ptr<FileSink>> Make(const TableInfo& table);
  ~FileSink() override;

  Status Open() override;
  Status Write(const Batch& batch) override;
  Result<Committable> Stage(int64_t epoch) override { return StageRows(epoch, false); }
  Result<Committable> StageAll(int64_t epoch) override { return StageRows(epoch, true); }
  void OnWatermark(Timestamp time) override {
    if (commit_) commit_->SetWatermark(time);
  }
  Status Publish(const Committable& committable) override;
  Status Recover(const std::vector<Committable>& pending) override;
  Status Abort() override;
  bool takes_changelog() const override { return false; }

 private:
  struct OpenFile {
    std::shared_ptr<PendingFile> stream;
    std::unique_ptr<FileEncoder> encoder;
    Timestamp opened = 0;  // arrival of its first row
  };

  FileSink() = default;
  Status ReadRolling(const Options& options);
  Status MakeGatherer(const TableInfo& table);
  Status Gather(const std::string& folder, std::shared_ptr<arrow::RecordBatch> rows);
  Result<Committable> StageRows(int64_t epoch, bool all);
  // Writes gathered rows, of which there are enough, into files.
  Status WriteGathered(bool all);
  Status WriteTaken(const std::string& folder, const arrow::RecordBatch& rows);
  // The partitions that are complete with this epoch.
  std::vector<std::string> CompletePartitions();
  Status ShowGathered();
  Status WriteRows(const std::string& folder, const arrow::RecordBatch& rows, Timestamp arrival);
  Result<OpenFile*> FileOf(const std::string& folder, Timestamp arrival);
  Status CloseFile(OpenFile file);
  Status CloseAll();
  Status CloseOld(Timestamp now);
  Status FlushEncoders();
  Status BoundMemory();
  void DropUnstaged();

  std::unique_ptr<OutputTarget> target_;
  std::unique_ptr<PartitionFolders> partitions_;
  FileEncoderMaker make_encoder_;
  std::unique_ptr<Gatherer> gatherer_;
  std::unique_ptr<PartitionCommit> commit_;  // null: partitions are not committed
  bool gathers_ = false;     // rows that come
  bool takes_over_ = false;  // writes rows that were gathered
  bool recoverable_ = false;             // somebody may go on from what is left
  GatheredState shown_;                  // of the last epoch that was published
  int64_t gathered_bytes_ = 0;           // of files made of gathered rows, in this take
  int64_t max_bytes_ = 0;
  int64_t max_age_ = 0, check_age_ = 0;  // ms
  Timestamp checked_ = kMinTimestamp;    // when files were last looked at for their age
  bool wrote_ = false;                   // anything, ever
  std::map<std::string, OpenFile> open_;              // by partition's folder
  std::vector<std::shared_ptr<PendingFile>> closed_;  // of the current epoch, durable
};

}  // namespace millrace
