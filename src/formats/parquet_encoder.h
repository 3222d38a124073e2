// Parquet files with what the format's options alone do not say: columns with field ids, and what
// the footer tells when the file is done.
#pragma once

#include <arrow/type.h>

#include <functional>
#include <memory>

#include "formats/file_encoder.h"

namespace parquet {
class FileMetaData;
}

namespace millrace {

struct ParquetEncoding {
  std::shared_ptr<arrow::Schema> schema;  // "PARQUET:field_id" in a field's metadata is its id
  bool decimals_as_integers = false;      // where they have few enough digits
  // Called once, when a file is finished, before its encoder's Finish returns. May throw, as
  // Parquet does. Null: nobody wants to know.
  std::function<void(const parquet::FileMetaData&)> on_footer;
};

// `options`: 'parquet.compression' and the like.
Result<FileEncoderMaker> MakeParquetEncoderMaker(ParquetEncoding encoding, const Options& options);

}  // namespace millrace
