#include "connectors/files/gathered_state.h"

#include <charconv>

#include "connectors/files/partition_path.h"

namespace millrace {
namespace {

// The first line: what it is, its version, and how many bytes of the target's payload follow. The
// other lines come behind that: a word, then what belongs to it, a folder at the end.
constexpr std::string_view kFirst = "files 2 ";

Status Wrong(std::string_view what) {
  return Status::Invalid("not what a filesystem sink has staged: ", what);
}

std::string_view TakeUntil(std::string_view* text, char end) {
  const size_t at = std::min(text->find(end), text->size());
  const std::string_view taken = text->substr(0, at);
  text->remove_prefix(std::min(at + 1, text->size()));
  return taken;
}

template <typename Number>
bool TakeNumber(std::string_view* line, char end, Number* number) {
  const std::string_view digits = TakeUntil(line, end);
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), *number);
  return !digits.empty() && read.ec == std::errc() && read.ptr == digits.data() + digits.size();
}

// Folders and names come below the table's folder.
bool IsInside(std::string_view name) {
  return !name.starts_with('/') && name.find("../") == name.npos && name.find('\0') == name.npos;
}

bool ParseGroup(std::string_view line, GatheredGroup* group) {
  const bool read = TakeNumber(&line, ' ', &group->rows) && TakeNumber(&line, ' ', &group->bytes) &&
                    TakeNumber(&line, ' ', &group->since) && TakeNumber(&line, ' ', &group->first);
  group->stem = TakeUntil(&line, '\t');
  group->folder = line;
  return read && group->first >= 0 && IsInside(group->folder) &&
         group->stem.find('/') == std::string::npos && !group->stem.empty();
}

bool ParseLine(std::string_view line, FilePayload* payload) {
  const std::string_view what = TakeUntil(&line, ' ');
  const bool is_name = IsInside(line) && line.find('/') == line.npos && !line.empty();
  if (what == "columns") {
    payload->gathered.columns = UnescapePathName(line);
  } else if (what == "ratio") {
    return TakeNumber(&line, '\n', &payload->gathered.ratio);
  } else if (what == "segment" && is_name) {
    payload->gathered.segments.emplace_back(line);
  } else if (what == "done" && is_name) {
    payload->gathered.done.emplace_back(line);
  } else if (what == "group") {
    return ParseGroup(line, &payload->gathered.groups.emplace_back());
  } else if (what == "waiting") {
    WaitingPartition& waiting = payload->waiting.emplace_back();
    const bool read = TakeNumber(&line, '\t', &waiting.since);
    waiting.folder = line;
    return read && IsInside(line);
  } else if (what == "complete" && IsInside(line)) {
    payload->complete.emplace_back(line);
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::string ToPayload(const FilePayload& payload) {
  if (payload.is_plain()) return payload.target;
  const GatheredState& gathered = payload.gathered;
  std::string text = fmt::format("{}{}\n{}", kFirst, payload.target.size(), payload.target);
  text += fmt::format("columns {}\nratio {}\n", EscapePathName(gathered.columns), gathered.ratio);
  for (const std::string& name : gathered.segments) text += "segment " + name + "\n";
  for (const std::string& name : gathered.done) text += "done " + name + "\n";
  for (const GatheredGroup& group : gathered.groups) {
    text += fmt::format("group {} {} {} {} {}\t{}\n", group.rows, group.bytes, group.since,
                        group.first, group.stem, group.folder);
  }
  for (const WaitingPartition& each : payload.waiting) {
    text += fmt::format("waiting {}\t{}\n", each.since, each.folder);
  }
  for (const std::string& folder : payload.complete) text += "complete " + folder + "\n";
  return text;
}

Result<FilePayload> FilePayloadOf(const std::string& text) {
  FilePayload payload;
  if (!text.starts_with(kFirst)) {
    payload.target = text;
    return payload;
  }
  std::string_view rest = std::string_view(text).substr(kFirst.size());
  size_t bytes = 0;
  if (!TakeNumber(&rest, '\n', &bytes) || bytes > rest.size()) return Wrong("its length");
  payload.target = rest.substr(0, bytes);
  rest.remove_prefix(bytes);
  while (!rest.empty()) {
    const std::string_view line = TakeUntil(&rest, '\n');
    if (!ParseLine(line, &payload)) return Wrong(line);
  }
  for (const GatheredGroup& group : payload.gathered.groups) {
    if (group.first > std::ssize(payload.gathered.segments)) return Wrong("a group's segments");
  }
  return payload;
}

}  // namespace millrace
