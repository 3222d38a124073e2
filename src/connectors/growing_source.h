// GrowingSource: a split of a table whose splits can become more while a job runs, and that is told of
// checkpoints. Some splits are made in advance, spare: they have nothing to read before something new
// turns up. Until then they are idle, and no checkpoint names them.
#pragma once

#include <string>

#include "connectors/source.h"

namespace millrace {

class GrowingSource : public Source {
 public:
  // True of a split made in advance, also once it has something to read.
  virtual bool spare() const = 0;
  // The name of what a spare split reads, "" while that is nothing; asked by the thread that polls.
  // Checkpoints know the split by this name, so that it may be an ordinary one of the next run.
  virtual std::string taken() const = 0;
  // Instead of Seek, of a job that goes on: this split was not there at the checkpoint, while others
  // of its table were. It starts at its beginning, whatever the table's options say.
  virtual Status SeekToNew() = 0;
  // A checkpoint is complete from which this split goes on after `position`. Comes from any thread,
  // beside Poll, and must not wait.
  virtual void NoteCheckpoint(const std::string& position) = 0;
};

// `source` as such a one; null if it is none.
inline GrowingSource* AsGrowing(Source* source) { return dynamic_cast<GrowingSource*>(source); }
// True of a split that has nothing to read from the start.
inline bool IsSpare(Source* source) {
  const GrowingSource* growing = AsGrowing(source);
  return growing && growing->spare();
}

}  // namespace millrace
