#include "cli/line_editor.h"

#include <histedit.h>

#include <algorithm>
#include <cctype>
#include <clocale>
#include <cstdio>
#include <utility>

namespace millrace {
namespace {

constexpr int kHistoryLines = 1000;

bool SameLetter(char a, char b) {
  return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

bool StartsWith(std::string_view word, std::string_view prefix) {
  return word.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), word.begin(), SameLetter);
}

bool IsWordLetter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$';
}

}  // namespace

std::string CompleteWord(std::string_view prefix, const std::vector<std::string>& words,
                         bool* several) {
  std::string common;
  *several = false;
  for (const std::string& word : words) {
    if (!StartsWith(word, prefix)) continue;
    if (common.empty()) {
      common = word;
      continue;
    }
    *several |= common.size() != word.size() || !StartsWith(word, common);
    const auto differs =
        std::mismatch(common.begin(), common.end(), word.begin(), word.end(), SameLetter);
    common.erase(differs.first, common.end());
  }
  return common;
}

struct LineEditor::Parts {
  EditLine* editor = nullptr;
  History* history = nullptr;
  std::string prompt;
  std::string history_path;
  std::function<std::vector<std::string>()> words;
  bool cancelled = false;

  static Parts* Of(EditLine* editor) {
    void* data = nullptr;
    el_get(editor, EL_CLIENTDATA, &data);
    return static_cast<Parts*>(data);
  }
  static char* Prompt(EditLine* editor) { return Of(editor)->prompt.data(); }

  // Ctrl-C: the line is given up, the shell goes on.
  static unsigned char Cancel(EditLine* editor, int) {
    Of(editor)->cancelled = true;
    std::fputs("^C\r\n", stdout);
    return CC_NEWLINE;
  }

  static unsigned char Complete(EditLine* editor, int) {
    const LineInfo* line = el_line(editor);
    const char* start = line->cursor;
    while (start > line->buffer && IsWordLetter(start[-1])) --start;
    const std::string_view prefix(start, static_cast<size_t>(line->cursor - start));
    if (prefix.empty()) return CC_ERROR;
    bool several = false;
    const std::string word = CompleteWord(prefix, Of(editor)->words(), &several);
    if (word.empty() || (several && word.size() == prefix.size())) return CC_ERROR;
    el_deletestr(editor, static_cast<int>(prefix.size()));
    return el_insertstr(editor, word.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
  }
};

LineEditor::LineEditor(std::string history_path, std::function<std::vector<std::string>()> words)
    : parts_(std::make_unique<Parts>()) {
  std::setlocale(LC_CTYPE, "");
  parts_->history_path = std::move(history_path);
  parts_->words = std::move(words);
  HistEvent event;
  parts_->history = history_init();
  history(parts_->history, &event, H_SETSIZE, kHistoryLines);
  history(parts_->history, &event, H_SETUNIQUE, 1);
  if (!parts_->history_path.empty()) {
    history(parts_->history, &event, H_LOAD, parts_->history_path.c_str());
  }
  EditLine* editor = parts_->editor = el_init("millrace", stdin, stdout, stderr);
  el_set(editor, EL_CLIENTDATA, parts_.get());
  el_set(editor, EL_PROMPT, &Parts::Prompt);
  el_set(editor, EL_EDITOR, "emacs");
  el_set(editor, EL_SIGNAL, 1);  // a signal that ends the program first restores the terminal
  el_set(editor, EL_HIST, history, parts_->history);
  el_set(editor, EL_ADDFN, "cancel-line", "Gives the line up", &Parts::Cancel);
  el_set(editor, EL_ADDFN, "complete-word", "Completes a name", &Parts::Complete);
  el_set(editor, EL_BIND, "^I", "complete-word", nullptr);
  el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_set(editor, EL_BIND, "^[[1~", "ed-move-to-beg", nullptr);
  el_set(editor, EL_BIND, "^[[4~", "ed-move-to-end", nullptr);
  el_set(editor, EL_BIND, "^[[3~", "ed-delete-next-char", nullptr);
  // Ctrl-C comes as a character while a line is read; while a statement runs it is the signal.
  el_set(editor, EL_SETTY, "-d", "-isig", nullptr);
  el_set(editor, EL_BIND, "^C", "cancel-line", nullptr);
}

LineEditor::~LineEditor() {
  el_end(parts_->editor);
  history_end(parts_->history);
}

LineEditor::Read LineEditor::ReadLine(const std::string& prompt, std::string* line) {
  parts_->prompt = prompt;
  parts_->cancelled = false;
  int length = 0;
  // Before the prompt shows: what is typed from then on must mean what it does in the editor.
  el_set(parts_->editor, EL_PREP_TERM, 1);
  const char* read = el_gets(parts_->editor, &length);
  if (parts_->cancelled) return Read::kCancelled;
  if (read == nullptr || length <= 0) return Read::kEnd;
  line->assign(read, static_cast<size_t>(length));
  if (line->back() == '\n') line->pop_back();
  return Read::kLine;
}

void LineEditor::Remember(const std::string& statement) {
  HistEvent event;
  history(parts_->history, &event, H_ENTER, statement.c_str());
  if (!parts_->history_path.empty()) {
    history(parts_->history, &event, H_SAVE, parts_->history_path.c_str());
  }
}

}  // namespace millrace
