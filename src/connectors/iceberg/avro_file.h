// Avro object container files of records that are encoded and decoded one by one: a header with the
// schema and further texts, then blocks of records.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "connectors/iceberg/avro_datum.h"
#include "connectors/iceberg/table_files.h"

namespace millrace {

class AvroRecordsWriter {
 public:
  // `schema`: its JSON text; `texts`: by name, for the header.
  AvroRecordsWriter(const std::string& schema,
                    const std::vector<std::pair<std::string, std::string>>& texts);
  // An encoded record.
  Status Add(std::string_view record);
  // The whole file.
  Result<std::string> Finish();

 private:
  Status EndBlock();

  std::string bytes_, block_, sync_;
  int64_t records_ = 0;  // in the block
};

// Calls `visit` with each record of the file at `location`. Errors name it.
Status ReadAvroFile(IcebergFiles* files, const std::string& location,
                    const std::function<Status(const AvroDatum&)>& visit);

}  // namespace millrace
