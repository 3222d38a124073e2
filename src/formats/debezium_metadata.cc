#include "formats/debezium_metadata.h"

#include <simdjson.h>

#include <charconv>
#include <optional>

#include "formats/json_slices.h"
#include "formats/json_text.h"

namespace millrace {
namespace {

// The texts of JSON values; a scratch that they are resolved in, for one at a time.
class JsonTexts {
 public:
  // A string's inside, anything else as it stands, without white space; none for null and where a
  // string is broken.
  std::optional<std::string_view> Text(std::string_view value) {
    constexpr size_t kReadBeyond = 64;
    const bool sound = simdjson::validate_utf8(value.data(), value.size());
    if (value.empty() || value == "null" || !sound) return std::nullopt;
    if (value.front() == '{' || value.front() == '[') {
      resolved_ = CompactJson(value);
      return resolved_;
    }
    if (value.front() != '"') return value;
    value = value.substr(1, value.size() - 2);
    if (value.find('\\') == value.npos) return value;
    padded_.assign(value);
    padded_.append(kReadBeyond, '\0');
    resolved_.resize(padded_.size());
    const char* end = UnescapeJson({padded_.data(), value.size()}, resolved_.data());
    if (!end) return std::nullopt;
    return std::string_view(resolved_.data(), static_cast<size_t>(end - resolved_.data()));
  }

 private:
  std::string padded_, resolved_;
};

std::string_view Member(std::string_view object, std::string_view wanted) {
  std::string_view found;
  ForEachJsonMember(object, [&](std::string_view key, std::string_view value) {
    if (key == wanted) found = value;
  });
  return found;
}

void AppendText(ColumnBuilder& column, std::string_view value) {
  JsonTexts texts;
  if (const auto text = texts.Text(value)) {
    column.AppendBytes(*text);
  } else {
    column.AppendNull();
  }
}

void AppendMillis(ColumnBuilder& column, std::string_view value) {
  int64_t millis = 0;
  const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), millis);
  if (error == std::errc() && stop == value.data() + value.size()) {
    column.Append(millis);
  } else {
    column.AppendNull();
  }
}

void AppendProperties(ColumnBuilder& column, std::string_view source) {
  std::vector<std::pair<std::string_view, std::string_view>> members;
  const bool sound = ForEachJsonMember(source, [&](std::string_view key, std::string_view value) {
    members.emplace_back(key, value);
  });
  if (!sound) return column.AppendNull();
  for (const auto& [key, value] : members) {
    JsonTexts texts;
    const auto name = texts.Text({key.data() - 1, key.size() + 2});  // with its quotes
    if (!name) continue;
    column.child(0).AppendBytes(*name);
    AppendText(column.child(1), value);
  }
  column.EndList();
}

}  // namespace

const std::vector<DebeziumMetadata>& AllDebeziumMetadata() {
  static const std::vector<DebeziumMetadata> kAll = {
      {"schema", SqlType::String(), "The record's schema as JSON, if it comes with one."},
      {"ingestion-timestamp", SqlType::TimestampLtz(3), "When Debezium processed the change."},
      {"source.timestamp", SqlType::TimestampLtz(3), "When the database made the change."},
      {"source.database", SqlType::String(), "The database's name."},
      {"source.schema", SqlType::String(), "The name of the database's schema."},
      {"source.table", SqlType::String(), "The table's name."},
      {"source.properties", SqlType::Map(SqlType::String().NotNull(), SqlType::String()),
       "All that the record tells of its source."},
  };
  return kAll;
}

Result<DebeziumMetadataColumns> DebeziumMetadataColumns::Make(const Schema& columns) {
  DebeziumMetadataColumns made;
  for (const Column& column : columns.columns) {
    for (const DebeziumMetadata& known : AllDebeziumMetadata()) {
      if (known.key != column.name) continue;
      made.keys_.push_back(known.key);
      made.columns_.emplace_back(known.type);
    }
    if (made.columns_.empty() || made.keys_.back() != column.name) {
      return UserError("format 'debezium-json' has no metadata '{}'", column.name);
    }
  }
  return made;
}

void DebeziumMetadataColumns::Append(const DebeziumFacts& facts) {
  for (size_t i = 0; i < keys_.size(); ++i) {
    const std::string& key = keys_[i];
    ColumnBuilder& column = columns_[i];
    if (key == "schema") {
      AppendText(column, facts.schema);
    } else if (key == "ingestion-timestamp") {
      AppendMillis(column, facts.ts_ms);
    } else if (key == "source.timestamp") {
      AppendMillis(column, Member(facts.source, "ts_ms"));
    } else if (key == "source.properties") {
      AppendProperties(column, facts.source);
    } else {
      AppendText(column, Member(facts.source, key == "source.database" ? "db" : key.substr(7)));
    }
  }
}

Result<std::vector<std::shared_ptr<arrow::Array>>> DebeziumMetadataColumns::Finish() {
  std::vector<std::shared_ptr<arrow::Array>> arrays;
  for (ColumnBuilder& column : columns_) {
    MILL_ASSIGN(auto array, column.Finish());
    arrays.push_back(std::move(array));
  }
  return arrays;
}

}  // namespace millrace
