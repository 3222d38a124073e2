// Copies of checkpoints, for who takes them elsewhere or reads them with other tools.
#pragma once

#include <string>

#include "runtime/checkpoint_manifest.h"

namespace millrace {

// Writes the checkpoint of `manifest`, whose files lie below `root`, into the folder `to`: state tables that
// lie in the files of a database as Parquet, what else there is byte for byte. Every file is verified
// when it is read, and durable before the copy's manifest is, which is returned. Fails if `to` holds
// anything, and then writes nothing; if it fails later, the copy has no manifest.
Result<Manifest> CopyCheckpoint(const Manifest& manifest, const std::string& root,
                                const std::string& to);

}  // namespace millrace
