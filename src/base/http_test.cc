// The HTTP client against a server of a few lines: requests as they go over the wire, connections
// kept open, limits, what errors show.
#include "base/http.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/aws_signature.h"
#include "base/http_testing.h"

namespace millrace {
namespace {

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

TEST(HttpClient, KeepsItsConnectionForAllMethods) {
  TinyServer server({Answer("a"), Answer("b", "409 Conflict"), Answer("")});
  HttpClient client;
  HttpRequest request;
  request.url = server.url() + "/x?y=1";
  request.headers = {{"Accept", "text/plain"}};
  const auto got = client.Send(request);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->status, 200);
  EXPECT_EQ(got->body, "a");
  ASSERT_TRUE(got->Header("x-one"));
  EXPECT_EQ(*got->Header("x-one"), "1");
  request.method = "PUT";
  request.body = std::string("bo\0dy", 5);
  const auto put = client.Send(request);
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_EQ(put->status, 409);
  EXPECT_FALSE(put->ok());
  request.method = "DELETE";
  request.body = "";
  ASSERT_TRUE(client.Send(request).ok());
  server.Stop();
  EXPECT_EQ(server.connections(), 1);
  EXPECT_TRUE(server.requests()[0].starts_with("GET /x?y=1 HTTP/1.1\r\n"));
  EXPECT_TRUE(Holds(server.requests()[0], "Accept: text/plain\r\n"));
  EXPECT_TRUE(server.requests()[1].starts_with("PUT /x?y=1 "));
  EXPECT_TRUE(server.requests()[1].ends_with(std::string("\r\n\r\nbo\0dy", 9)));
  EXPECT_FALSE(Holds(server.requests()[1], "form-urlencoded"));
  EXPECT_TRUE(server.requests()[2].starts_with("DELETE /x?y=1 "));
}

TEST(HttpClient, HeadReadsNoBody) {
  TinyServer server({"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", Answer("next")});
  HttpClient client;
  HttpRequest request;
  request.url = server.url();
  request.method = "HEAD";
  const auto head = client.Send(request);
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(*head->Header("content-length"), "1234");
  request.method = "GET";
  const auto got = client.Send(request);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->body, "next");
}

TEST(HttpClient, Authenticates) {
  TinyServer server({Answer(""), Answer("")});
  HttpClient client;
  HttpRequest request;
  request.url = server.url() + "/b/k?uploads&partNumber=2";
  request.user = "me";
  request.password = "secret";
  ASSERT_TRUE(client.Send(request).ok());
  request.aws = AwsSignature{"KEY", "SECRET", "TOKEN", "eu-west-1", "s3", true};
  request.method = "PUT";
  request.body = "x";
  ASSERT_TRUE(client.Send(request).ok());
  server.Stop();
  EXPECT_TRUE(Holds(server.requests()[0], "Authorization: Basic bWU6c2VjcmV0\r\n"));
  const std::string& put = server.requests()[1];
  EXPECT_TRUE(put.starts_with("PUT /b/k?partNumber=2&uploads= ")) << put;
  EXPECT_TRUE(Holds(put, "Authorization: AWS4-HMAC-SHA256 Credential=KEY/")) << put;
  EXPECT_TRUE(Holds(put, "/eu-west-1/s3/aws4_request")) << put;
  EXPECT_TRUE(Holds(put, "x-amz-security-token: TOKEN\r\n")) << put;
  EXPECT_TRUE(Holds(put,  // SHA-256 of "x"
                    "x-amz-content-sha256: "
                    "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881")) << put;
  EXPECT_FALSE(Holds(put, "SECRET")) << put;
}

TEST(HttpClient, NoAnswerIsAnErrorWithoutSecrets) {
  TinyServer server({"", Answer(std::string(2000, 'x'))});
  HttpClient client;
  HttpRequest request;
  request.url = "http://me:pass@" + server.url().substr(7) + "/a?signature=abc";
  const auto cut = client.Send(request);
  ASSERT_FALSE(cut.ok());
  EXPECT_TRUE(cut.status().IsIOError());
  EXPECT_TRUE(Holds(cut.status().message(), "GET " + server.url() + "/a: ")) << cut.status();
  EXPECT_FALSE(Holds(cut.status().message(), "pass")) << cut.status();
  EXPECT_FALSE(Holds(cut.status().message(), "abc")) << cut.status();
  request.max_body = 1000;
  const auto longer = client.Send(request);
  ASSERT_FALSE(longer.ok());
  EXPECT_TRUE(Holds(longer.status().message(), "longer than 1000 bytes")) << longer.status();
  server.Stop();
  EXPECT_FALSE(client.Send(request).ok());  // refused
  request.headers = {{"A", "b\r\nC: d"}};
  EXPECT_TRUE(client.Send(request).status().IsInvalid());
}

TEST(HttpClient, GivesUpInTime) {
  // Listens and never answers: the kernel takes the connection.
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  HttpClient client;
  HttpRequest request;
  request.url = fmt::format("http://127.0.0.1:{}", ntohs(address.sin_port));
  request.timeout = std::chrono::milliseconds(100);
  const auto late = client.Send(request);
  ASSERT_FALSE(late.ok());
  EXPECT_TRUE(late.status().IsIOError());
  close(listener);
}

// The example "GET Object" of Amazon's documentation of the signature.
TEST(AwsSignature, IsThatOfTheDocumentation) {
  HttpRequest request;
  request.url = "https://examplebucket.s3.amazonaws.com/test.txt";
  request.headers = {{"Range", "bytes=0-9"}};
  AwsSignature signature;
  signature.access_key = "AKIAIOSFODNN7EXAMPLE";
  signature.secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
  SignRequest(signature, 1369353600, &request);
  EXPECT_EQ(request.headers.back().second,
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  // And "GET Bucket (List Objects)": the query is part of it.
  HttpRequest list;
  list.url = "https://examplebucket.s3.amazonaws.com/?prefix=J&max-keys=2";
  SignRequest(signature, 1369353600, &list);
  EXPECT_EQ(list.url, "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J");
  EXPECT_TRUE(list.headers.back().second.ends_with(
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"))
      << list.headers.back().second;
}

TEST(UrlEncoded, KeepsUnreservedCharacters) {
  EXPECT_EQ(UrlEncoded("a-._~/b c\xC3\xA9"), "a-._~%2Fb%20c%C3%A9");
  EXPECT_EQ(UrlEncoded("a/b=", true), "a/b%3D");
}

}  // namespace
}  // namespace millrace
