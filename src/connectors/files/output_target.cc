#include "connectors/files/output_target.h"

#include <xxhash.h>

#include <random>

#include "connectors/files/local_target.h"
#include "connectors/files/upload_target.h"
#include "connectors/storage/file_system.h"

namespace millrace {
namespace {

uint64_t RandomNumber() {
  std::random_device random;
  return uint64_t{random()} << 32 | random();
}

}  // namespace

std::string OwnerPart(const std::string& owner) {
  return fmt::format("{:016x}",
                     owner.empty() ? RandomNumber() : XXH3_64bits(owner.data(), owner.size()));
}

std::string NewWriter(const std::string& owner_part) {
  return owner_part + fmt::format("{:012x}", RandomNumber() >> 16);
}

Result<std::unique_ptr<OutputTarget>> MakeOutputTarget(const TableInfo& table,
                                                       const std::string& ending) {
  if (IsObjectStore(StringOption(table.options, "path", "")))
    return UploadTarget::Make(table, ending);
  return LocalTarget::Make(table, ending);
}

}  // namespace millrace
