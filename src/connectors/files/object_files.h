// The files of a table that lie in an object store. They are named by their URLs
// ("s3://bucket/key"), in lists, positions and metadata; reading waits out a server that is away
// for a while.
#pragma once

#include <arrow/filesystem/filesystem.h>
#include <arrow/io/interfaces.h>

#include <memory>
#include <string>
#include <vector>

#include "connectors/files/byte_reader.h"
#include "connectors/files/file_facts.h"
#include "formats/format.h"

namespace millrace {

class ObjectFiles {
 public:
  // The store of `url` (IsObjectStore), reached by the 's3.*' keys of `options`. Nothing is asked.
  static Result<std::shared_ptr<const ObjectFiles>> Make(const std::string& url,
                                                         const Options& options);

  // The objects that `url` stands for: an object, all below a folder but for names starting with
  // '_' or '.', or those that match a pattern. Not sorted. None is an error unless `may_be_empty`;
  // a bucket that is not there always is one.
  Result<std::vector<std::string>> List(const std::string& url, bool may_be_empty) const;
  Result<FileFacts> FactsOf(const std::string& url) const;
  Result<std::shared_ptr<arrow::io::RandomAccessFile>> Open(const std::string& url) const;
  // The object's bytes as they are stored, front to back, read ahead.
  Result<std::unique_ptr<ByteReader>> OpenBytes(const std::string& url) const;

 private:
  using Infos = std::vector<arrow::fs::FileInfo>;
  ObjectFiles() = default;
  std::string PathOf(const std::string& url) const { return url.substr(scheme_.size()); }
  Result<std::vector<std::string>> ListFolder(const std::string& path) const;
  Result<std::vector<std::string>> ListMatches(const std::string& pattern) const;
  Result<Infos> Below(const std::string& path) const;

  std::string scheme_;  // "s3://"
  std::shared_ptr<arrow::fs::FileSystem> fs_;
};

}  // namespace millrace
