// For tests of what speaks HTTP: a server of a few lines.
#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <string>
#include <thread>
#include <vector>

namespace millrace {

// Answers one request after the other with what it was given, connection by connection.
class TinyServer {
 public:
  explicit TinyServer(std::deque<std::string> answers) : answers_(std::move(answers)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(listen(listener_, 4), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~TinyServer() { Stop(); }
  void Stop() {
    if (!thread_.joinable()) return;
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  int port() const { return port_; }
  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  // After Stop:
  const std::vector<std::string>& requests() const { return requests_; }
  int connections() const { return connections_; }

 private:
  void Serve() {
    while (!answers_.empty()) {
      const int connection = accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      ++connections_;
      while (!answers_.empty() && ServeOne(connection)) {
      }
      close(connection);
    }
  }

  bool ServeOne(int connection) {
    std::string request;
    while (!Whole(request)) {
      char bytes[4096];
      const ssize_t got = read(connection, bytes, sizeof(bytes));
      if (got <= 0) return false;
      request.append(bytes, static_cast<size_t>(got));
    }
    requests_.push_back(request);
    const std::string answer = answers_.front();
    answers_.pop_front();
    return write(connection, answer.data(), answer.size()) > 0 && !answer.empty();
  }

  static bool Whole(const std::string& request) {
    const size_t end = request.find("\r\n\r\n");
    if (end == request.npos) return false;
    const size_t length = request.find("Content-Length: ");
    const size_t body = length == request.npos ? 0 : std::stoul(request.substr(length + 16));
    return request.size() >= end + 4 + body;
  }

  std::deque<std::string> answers_;
  std::vector<std::string> requests_;
  int connections_ = 0;
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

inline std::string Answer(const std::string& body, const std::string& head = "200 OK\r\nX-One: 1 ") {
  return fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n\r\n{}", head, body.size(), body);
}

}  // namespace millrace
