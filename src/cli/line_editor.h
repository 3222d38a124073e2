// LineEditor: lines from the terminal with editing, history and completion (libedit).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

class LineEditor {
 public:
  enum class Read { kLine, kCancelled, kEnd };  // kCancelled: Ctrl-C

  // `history_path`: where lines are kept between runs, "" for nowhere. `words` lists what the Tab
  // key completes.
  LineEditor(std::string history_path, std::function<std::vector<std::string>()> words);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  // Reads a line without its end; shows `prompt`.
  Read ReadLine(const std::string& prompt, std::string* line);
  // Adds a statement to the history.
  void Remember(const std::string& statement);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// The longest common beginning of the words that start with `prefix`, in any case; "" if none does.
// `several` tells whether more than one does.
std::string CompleteWord(std::string_view prefix, const std::vector<std::string>& words,
                         bool* several);

}  // namespace millrace
