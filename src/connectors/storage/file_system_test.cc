#include "connectors/storage/file_system.h"

#include <gtest/gtest.h>

#include "connectors/storage/s3_settings.h"

namespace millrace {
namespace {

// The S3 client is ended behind all tests: it cannot be started twice.
class StorageEnd : public ::testing::Environment {
  void TearDown() override { StopStorage(); }
};
const auto* const kStorageEnd = ::testing::AddGlobalTestEnvironment(new StorageEnd);

TEST(FileSystem, PlainPathsAndFileUrlsAreLocal) {
  for (const char* url : {"/data/out/", "file:///data/out", "file:/data/out//"}) {
    const auto location = OpenLocation(url, {});
    ASSERT_TRUE(location.ok()) << location.status();
    EXPECT_EQ(location->path, "/data/out") << url;
    EXPECT_EQ(location->fs->type_name(), "local");
    EXPECT_FALSE(IsObjectStore(url));
  }
  EXPECT_EQ(OpenLocation("/", {})->path, "/");
}

TEST(FileSystem, BucketsAreReachedByTheirOptions) {
  const Options options = {
      {"s3.endpoint", "http://127.0.0.1:9"}, {"s3.access-key", "k"}, {"s3.secret-key", "s"}};
  for (const char* url : {"s3://bucket/a/b/", "s3a://bucket/a/b"}) {
    const auto location = OpenLocation(url, options);
    ASSERT_TRUE(location.ok()) << location.status();
    EXPECT_EQ(location->path, "bucket/a/b");
    EXPECT_EQ(location->fs->type_name(), "s3");
  }
  const auto s3 = ReadS3Options(options);
  ASSERT_TRUE(s3.ok()) << s3.status();
  EXPECT_EQ(s3->endpoint_override, "127.0.0.1:9");
  EXPECT_EQ(s3->scheme, "http");
  EXPECT_EQ(s3->GetAccessKey(), "k");
  EXPECT_FALSE(s3->force_virtual_addressing);
}

TEST(FileSystem, SecretsComeFromTheEnvironment) {
  setenv("MILLRACE_TEST_KEY", "from-env", 1);
  const auto s3 = ReadS3Options({{"s3.endpoint", "http://h:1"},
                                 {"s3.access-key", "k"},
                                 {"s3.secret-key", "${env:MILLRACE_TEST_KEY}"},
                                 {"s3.session-token", "t"}});
  ASSERT_TRUE(s3.ok()) << s3.status();
  EXPECT_EQ(s3->GetSecretKey(), "from-env");
  EXPECT_EQ(s3->GetSessionToken(), "t");
}

TEST(FileSystem, WrongUrlsAndOptionsAreRefused) {
  const auto message = [](const std::string& url, const Options& options) {
    const auto location = OpenLocation(url, options);
    EXPECT_TRUE(location.status().IsInvalid()) << url;
    return location.status().message();
  };
  EXPECT_NE(message("hdfs://host/x", {}).find("no file system for 'hdfs://'"), std::string::npos);
  EXPECT_NE(message("s3:///x", {}).find("names no bucket"), std::string::npos);
  const auto npos = std::string::npos;
  EXPECT_NE(message("s3://b", {{"s3.endpoint", "ftp://h"}}).find("neither http nor https"), npos);
  EXPECT_NE(message("s3://b", {{"s3.endpoint", "http://"}}).find("not a host"), npos);
  const Options half = {{"s3.endpoint", "http://h"}, {"s3.secret-key", "hush"}};
  EXPECT_NE(message("s3://b", half).find("'s3.secret-key' is there without"), npos);
  EXPECT_EQ(message("s3://b", half).find("hush"), npos);
}

}  // namespace
}  // namespace millrace
