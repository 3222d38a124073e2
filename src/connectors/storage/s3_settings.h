// How an object store that speaks S3 is reached: the 's3.*' options of a table, and what the AWS
// tools' own environment variables and profiles say where the table does not.
#pragma once

#include <arrow/filesystem/s3fs.h>

#include <string>
#include <vector>

#include "base/status.h"
#include "connectors/connector.h"

namespace millrace {

// The options that a table on s3:// may have, for the option table of a connector.
std::vector<OptionSpec> S3OptionSpecs();

// The settings that `options` stand for, secrets put in; the object holds them, so it must not be
// printed. Without 's3.access-key' the credentials come from the environment (AWS_ACCESS_KEY_ID
// ...), a profile of ~/.aws, a web identity, or the machine's or container's role, and are renewed
// as needed. Errors name options, never secrets.
Result<arrow::fs::S3Options> ReadS3Options(const Options& options);

// Starts Arrow's S3 client once; StopStorage (file_system.h) ends it. Programs that never call this
// do not pay for it.
Status StartS3();

}  // namespace millrace
