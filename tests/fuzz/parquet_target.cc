// Bytes that are no Parquet file are refused at once, so the input is a list of edits to a good file:
// a first byte of choices, then three bytes for each edit, two for the place and one for the new value.
#include "parquet_target.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "formats/file_encoder.h"
#include "formats/parquet_reader.h"

namespace millrace {
namespace {

constexpr int64_t kRows = 40;

// Rows of NULL, of the first valid value and of others, in three row groups.
std::string GoodFile(const Schema& columns, const std::string& codec) {
  auto make = MakeFileEncoderMaker("parquet", columns, {{"parquet.compression", codec}});
  MILL_CHECK(make.ok());
  auto stream = *arrow::io::BufferOutputStream::Create();
  auto encoder = (*make)(stream);
  MILL_CHECK(encoder.ok());
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const Column& column : columns.columns) {
    const auto type = column.type.ToArrow();
    fields.push_back(arrow::field(column.name, type));
    auto builder = *arrow::MakeBuilder(type);
    for (int64_t i = 0; i < kRows; ++i) {
      MILL_CHECK((i % 3 == 0 ? builder->AppendNull() : builder->AppendEmptyValue()).ok());
    }
    arrays.push_back(*builder->Finish());
  }
  const auto rows = arrow::RecordBatch::Make(arrow::schema(fields), kRows, arrays);
  for (int64_t from : {0, 10, 30}) {
    MILL_CHECK((*encoder)->Write(*rows->Slice(from, 10)).ok());
    MILL_CHECK((*encoder)->Flush().ok());
  }
  MILL_CHECK((*encoder)->Finish().ok());
  return (*stream->Finish())->ToString();
}

std::string Damaged(std::string file, std::string_view edits) {
  const bool footer = (edits[0] & 2) != 0;  // where most of what is believed stands
  for (size_t i = 1; i + 2 < edits.size(); i += 3) {
    const auto byte = [&](size_t at) { return static_cast<unsigned char>(edits[at]); };
    const size_t place = (byte(i) * 256u + byte(i + 1)) % file.size();
    file[footer ? file.size() - 1 - place : place] = edits[i + 2];
  }
  return file;
}

Status ReadAll(const std::string& path, const Schema& columns) {
  MILL_ASSIGN(auto reader, ParquetReader::Open(path, columns));
  for (int group = 0; group < reader->num_row_groups(); ++group) {
    for (const Column& column : columns.columns) reader->FactsOf(group, column);
    MILL_RETURN(reader->Start(group, 0));
    while (true) {
      MILL_ASSIGN(const std::shared_ptr<arrow::RecordBatch> rows, reader->Next());
      if (!rows) break;
      MILL_CHECK(rows->ValidateFull().ok());
    }
  }
  return Status::OK();
}

}  // namespace

void RunParquet(const Schema& columns, std::string_view edits) {
  static const std::string kFiles[] = {GoodFile(columns, "uncompressed"),
                                       GoodFile(columns, "zstd")};
  if (edits.empty()) return;
  const std::string file = Damaged(kFiles[edits[0] & 1], edits);
  const int memory = memfd_create("fuzz", 0);
  MILL_CHECK(memory >= 0 &&
             write(memory, file.data(), file.size()) == static_cast<ssize_t>(file.size()));
  const Status read = ReadAll("/proc/self/fd/" + std::to_string(memory), columns);
  close(memory);
  MILL_CHECK(read.ok() || !read.message().empty());
}

}  // namespace millrace
