// Rejected: the rows a job could not read or that came too late. The newest are kept in memory; all of
// them go to JSON files in the job's folder, which $dead_letter and $late read back.
#pragma once

#include <cstdio>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "formats/format.h"
#include "operators/operator.h"

namespace millrace {

class Rejected : public DeadLetters, public LateSink {
 public:
  // `folder` "": memory only.
  static Result<std::unique_ptr<Rejected>> Make(const std::string& folder);
  ~Rejected() override;

  void Add(const BadRow& row) override;
  void Late(const Batch& batch, int64_t row, Timestamp watermark, const std::string& what) override;

  std::vector<RejectedRow> dead_letters() const;
  std::vector<RejectedRow> late_rows() const;
  // Writes what is buffered to the files.
  void Flush();

 private:
  static constexpr size_t kKept = 10000;  // rows of each kind in memory

  Rejected() = default;
  static void Keep(std::deque<RejectedRow>& rows, std::FILE* file, RejectedRow row);

  mutable std::mutex mutex_;
  std::deque<RejectedRow> dead_, late_;
  std::FILE* dead_file_ = nullptr;
  std::FILE* late_file_ = nullptr;
};

}  // namespace millrace
