// Decodes rows of COPY ... TO STDOUT (FORMAT binary), see encoder.h, one after the other
// without header and trailer. Fields behind the wanted columns are passed over. A row with a value
// that its column's type cannot hold (infinity, NaN, too many digits) is a dead letter.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "connectors/postgres/types.h"
#include "formats/format.h"

namespace millrace {

// Makes a decoder of rows whose first fields are of the types that PostgresScanType names.
std::unique_ptr<Decoder> MakePostgresDecoder(const Schema& columns);

// The type that a column is cast to on its way out, as SQL text, to be read as `wanted`. A user
// error without the column's name if values of `there` could not be held.
Result<std::string> PostgresScanType(const PostgresType& there, const SqlType& wanted);

// The row in a piece of a COPY; of its first piece a header goes off; the trailer is no row: "".
std::string_view PostgresCopyRow(std::string_view piece, bool first);

// Reads big-endian numbers off the front of rows.
class PostgresBytes {
 public:
  explicit PostgresBytes(std::string_view bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  const char* position() const { return bytes_.data(); }
  // False, and nothing is taken, if there are too few bytes.
  template <typename T>
  bool Read(T* value) {
    if (bytes_.size() < sizeof(T)) return false;
    std::make_unsigned_t<T> read = 0;
    for (size_t i = 0; i < sizeof(T); ++i) {
      read = static_cast<std::make_unsigned_t<T>>((read << 4) << 4 |
                                                  static_cast<unsigned char>(bytes_[i]));
    }
    *value = static_cast<T>(read);
    bytes_.remove_prefix(sizeof(T));
    return true;
  }
  bool Take(int64_t size, std::string_view* taken) {
    if (size < 0 || static_cast<size_t>(size) > bytes_.size()) return false;
    *taken = bytes_.substr(0, static_cast<size_t>(size));
    bytes_.remove_prefix(static_cast<size_t>(size));
    return true;
  }
  // A field: its length, its bytes; NULL if the length is -1.
  bool ReadField(bool* is_null, std::string_view* field) {
    int32_t size = 0;
    if (!Read(&size)) return false;
    *is_null = size == -1;
    *field = {};
    return *is_null || Take(size, field);
  }

 private:
  std::string_view bytes_;
};

}  // namespace millrace
