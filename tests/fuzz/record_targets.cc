#include "record_targets.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "dead_count.h"
#include "formats/avro/binary.h"
#include "formats/avro/container.h"
#include "formats/avro/types.h"
#include "formats/protobuf/descriptor.h"
#include "formats/protobuf/proto_file.h"
#include "formats/protobuf/test_descriptors.h"
#include "formats/record_decoder.h"

namespace millrace {
namespace {

void ReadRecords(const std::shared_ptr<const AvroSchema>& schema, const Schema& columns,
                 std::string_view bytes) {
  auto reader = AvroReader::Make(schema, columns);
  MILL_CHECK(reader.ok());
  RowsBuilder rows(columns);
  constexpr int kMost = 100;  // records without bytes never end
  for (int i = 0; i < kMost && (*reader)->ReadRecord(&bytes, rows); ++i) {
    MILL_CHECK(rows.EndRow() < 0);
  }
  rows.UndoRow();
  const auto batch = rows.Finish();
  MILL_CHECK(batch.ok() && (*batch)->ValidateFull().ok());
  const auto writer = AvroWriter::Make(schema, *(*batch)->schema());
  if (!writer.ok()) return;
  (*writer)->SetRows(**batch);
  std::string written;
  for (int64_t row = 0; row < (*batch)->num_rows(); ++row) {
    const Status status = (*writer)->Append(row, written);
    MILL_CHECK(status.ok() || !status.message().empty());
  }
}

const std::string& ShopFile() {
  static const std::string kPath = [] {
    const auto path = std::filesystem::temp_directory_path() /
                      fmt::format("millrace-fuzz-{}.desc", getpid());
    std::ofstream(path, std::ios::binary) << ShopDescriptors();
    return path.string();
  }();
  return kPath;
}

Schema ShopColumns() {
  SqlType item = SqlType::Of(TypeKind::kRow);
  item.children = {{"n", std::make_shared<SqlType>(SqlType::Int())},
                   {"name", std::make_shared<SqlType>(SqlType::String())}};
  return Schema{{{"id", SqlType::Int()},
                 {"who", SqlType::String()},
                 {"xs", SqlType::Array(SqlType::BigInt())},
                 {"items", SqlType::Array(item)},
                 {"counts", SqlType::Map(SqlType::String().NotNull(), SqlType::BigInt())},
                 {"color", SqlType::String()},
                 {"d", SqlType::Double()},
                 {"u", SqlType::Int()},
                 {"item", item},
                 {"b", SqlType::Bytes()},
                 {"f", SqlType::Boolean()},
                 {"x", SqlType::BigInt()},
                 {"y", SqlType::Double()}}};
}

}  // namespace

void RunAvro(std::string_view input) {
  const size_t end = std::min(input.find('\n'), input.size());
  const std::string_view rest = input.substr(std::min(end + 1, input.size()));
  const auto schema = AvroSchema::Parse(input.substr(0, end));
  if (!schema.ok()) return;
  const std::string json = (*schema)->ToJson();
  const auto again = AvroSchema::Parse(json);
  MILL_CHECK(again.ok() && (*again)->ToJson() == json);
  const auto columns = SqlSchemaOf(**schema);
  if (!columns.ok()) return;
  ReadRecords(*schema, *columns, rest);
  const std::string sync = "0123456789abcdef";
  std::string file = "Obj\x01\x02";
  AppendAvroString(file, "avro.schema");
  AppendAvroString(file, json);
  file += std::string(1, '\0') + sync;
  const auto blocks = ReadAvroContainer(file + std::string(rest));
  MILL_CHECK(!blocks.ok() || (*blocks).rows->ValidateFull().ok());
  AppendAvroLong(file, rest.empty() ? 0 : 1);
  AppendAvroString(file, rest);
  const auto one = ReadAvroContainer(file + sync);
  MILL_CHECK(!one.ok() || (*one).rows->ValidateFull().ok());
}

void RunProtobuf(std::string_view input) {
  const auto descriptors = ProtoDescriptors::Parse(input);
  MILL_CHECK(descriptors.ok() || !descriptors.status().message().empty());
  const auto text_file = ParseProtoText("input.proto", std::string(input), [](const auto& name) {
    return Result<std::string>(UserError("no '{}'", name));
  });
  MILL_CHECK(text_file.ok() || !text_file.status().message().empty());
  const Options options = {{"protobuf.message-class-name", "shop.Order"},
                           {"protobuf.descriptor-file", ShopFile()}};
  const Schema columns = ShopColumns();
  static const auto kDecoder = MakeRecordDecoder("protobuf", columns, columns, options);
  MILL_CHECK(kDecoder.ok());
  DeadCount dead;
  const std::string text(input);  // has bytes, also where the input has none
  const std::string_view whole(text);
  const std::vector<std::string_view> records = {whole, whole.substr(whole.size() / 2), ""};
  const auto read = (*kDecoder)->Decode(records, nullptr, dead);
  MILL_CHECK(read.ok() && read->rows->ValidateFull().ok());
  MILL_CHECK(read->rows->num_rows() + dead.count == 3);
}

}  // namespace millrace
