#include "connectors/files/batch_file_source.h"

namespace millrace {

Status BatchFileSource::Begin() {
  MILL_ASSIGN(facts_, FactsOf(files_.current(), files_.store()));
  MILL_RETURN(OpenFile());
  open_ = true;
  return Status::OK();
}

Result<Polled> BatchFileSource::Poll(std::chrono::milliseconds wait) {
  Polled polled;
  if (files_.at_end() && !bounded()) MILL_RETURN(files_.Watch(wait));
  while (!files_.at_end()) {
    if (!open_) MILL_RETURN(Begin());
    MILL_ASSIGN(auto rows, NextRows());
    if (rows) {
      MILL_ASSIGN(rows, columns_.Complete(std::move(rows), facts_));
      MILL_ASSIGN(polled.rows, rows->ReplaceSchema(declared_));
      polled.skipped_time = TakeSkippedTime();
      polled.chunk.file = facts_.path;
      polled.state = Polled::State::kData;
      const auto [part, row] = place();
      polled.position = files_.Position(part, row);
      return polled;
    }
    CloseFile();
    open_ = false;
    files_.Next();
  }
  if (bounded()) polled.state = Polled::State::kEnd;
  return polled;
}

}  // namespace millrace
