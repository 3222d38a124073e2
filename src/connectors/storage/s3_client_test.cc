// The requests to S3 as they go over the wire: which host they name, and that they carry the token of
// credentials for a limited time; our own ones and those of Arrow's file system.
#include "connectors/storage/s3_client.h"

#include <gtest/gtest.h>

#include "base/http_testing.h"
#include "connectors/storage/file_system.h"

namespace millrace {
namespace {

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

Options KeysFor(const TinyServer& server, const std::string& path_style) {
  return {{"s3.endpoint", fmt::format("http://localhost:{}", server.port())},
          {"s3.region", "eu-west-1"},
          {"s3.access-key", "KEY"},
          {"s3.secret-key", "SECRET"},
          {"s3.session-token", "TO/KEN=="},
          {"s3.path.style.access", path_style}};
}

// One of our requests and one of Arrow's, which looks whether an object is there.
std::vector<std::string> Requests(const std::string& path_style, int* port) {
  TinyServer server({Answer(""), "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"});
  *port = server.port();
  const Options options = KeysFor(server, path_style);
  {
    const auto client = S3Client::Make("s3://lake/any", options);
    EXPECT_TRUE(client.ok()) << client.status();
    const Status put = (*client)->Put("a b/c.json", "x");
    EXPECT_TRUE(put.ok()) << put;
  }  // closes its connection: the server has one at a time
  const auto location = OpenLocation("s3://lake/d.json", options);
  EXPECT_TRUE(location.ok()) << location.status();
  const auto info = location->fs->GetFileInfo(location->path);
  EXPECT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->size(), 7);
  server.Stop();
  return server.requests();
}

TEST(S3Client, SendsTheSessionToken) {
  int port = 0;
  for (const std::string& request : Requests("true", &port)) {
    EXPECT_TRUE(Holds(request, "x-amz-security-token: TO/KEN==\r\n")) << request;
    const size_t signed_headers = request.find("SignedHeaders=");
    ASSERT_NE(signed_headers, request.npos) << request;
    EXPECT_TRUE(Holds(request.substr(signed_headers, request.find('\r', signed_headers)),
                      "x-amz-security-token")) << request;
    EXPECT_TRUE(Holds(request, "Credential=KEY/")) << request;
    EXPECT_FALSE(Holds(request, "SECRET")) << request;
  }
}

TEST(S3Client, NamesTheBucketInThePathOrInTheHost) {
  int port = 0;
  std::vector<std::string> requests = Requests("true", &port);
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_TRUE(requests[0].starts_with("PUT /lake/a%20b/c.json HTTP/1.1\r\n")) << requests[0];
  EXPECT_TRUE(requests[1].starts_with("HEAD /lake/d.json HTTP/1.1\r\n")) << requests[1];
  for (const std::string& request : requests) {
    EXPECT_TRUE(Holds(request, fmt::format("ost: localhost:{}\r\n", port))) << request;
  }
  requests = Requests("false", &port);
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_TRUE(requests[0].starts_with("PUT /a%20b/c.json HTTP/1.1\r\n")) << requests[0];
  EXPECT_TRUE(requests[1].starts_with("HEAD /d.json HTTP/1.1\r\n")) << requests[1];
  for (const std::string& request : requests) {
    EXPECT_TRUE(Holds(request, fmt::format("ost: lake.localhost:{}\r\n", port))) << request;
  }
}

}  // namespace
}  // namespace millrace
