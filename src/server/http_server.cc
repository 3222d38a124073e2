#include "server/http_server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <thread>

namespace millrace {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;

// For a request to come, and for its answer to be taken: a client that is silent is left.
constexpr std::chrono::seconds kPatience{30};
constexpr int kMaxConnections = 64;

// One connection: reads requests and answers them, one after the other. It keeps itself alive by the
// operation that is under way.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, const HttpServer::Handler& handler, int& open)
      : stream_(std::move(socket)), handler_(handler), open_(open) {
    ++open_;
  }
  ~Connection() { --open_; }

  void Read() {
    request_ = {};
    stream_.expires_after(kPatience);
    http::async_read(stream_, buffer_, request_,
                     [self = shared_from_this()](error_code error, size_t) {
                       if (!error) self->Answer();
                     });
  }

 private:
  void Answer() {
    reply_ = http::response<http::string_body>(http::status::ok, request_.version());
    const bool read_only =
        request_.method() == http::verb::get || request_.method() == http::verb::head;
    const std::string target(request_.target());
    HttpReply reply = read_only ? handler_(target.substr(0, target.find('?')))
                                : HttpReply{405, "text/plain; charset=utf-8", "only GET and HEAD\n"};
    reply_.result(static_cast<unsigned>(reply.status));
    reply_.set(http::field::content_type, reply.content_type);
    if (!read_only) reply_.set(http::field::allow, "GET, HEAD");
    reply_.content_length(reply.body.size());
    if (request_.method() != http::verb::head) reply_.body() = std::move(reply.body);
    reply_.keep_alive(request_.keep_alive());
    http::async_write(stream_, reply_, [self = shared_from_this()](error_code error, size_t) {
      if (!error && self->reply_.keep_alive()) self->Read();
    });
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{64 << 10};
  http::request<http::empty_body> request_;
  http::response<http::string_body> reply_;
  const HttpServer::Handler& handler_;
  int& open_;
};

class BeastServer final : public HttpServer {
 public:
  explicit BeastServer(Handler handler) : handler_(std::move(handler)) {}
  ~BeastServer() override {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  Status Listen(int port) {
    const tcp::endpoint place(asio::ip::address_v4::loopback(), static_cast<uint16_t>(port));
    error_code error;
    acceptor_.open(place.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(place, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return ExternalError("cannot listen on 127.0.0.1:{}: {}", port, error.message());
    port_ = acceptor_.local_endpoint().port();
    Accept();
    thread_ = std::thread([this] { context_.run(); });
    return Status::OK();
  }

  int port() const override { return port_; }

 private:
  void Accept() {
    acceptor_.async_accept([this](error_code error, tcp::socket socket) {
      // One too many is closed at once; the others go on.
      if (!error && open_ < kMaxConnections)
        std::make_shared<Connection>(std::move(socket), handler_, open_)->Read();
      if (error != asio::error::operation_aborted) Accept();
    });
  }

  const Handler handler_;
  int open_ = 0;  // connections; of the server's thread. Outlives the context, whose end closes them.
  asio::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  std::thread thread_;
  int port_ = 0;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Start(int port, Handler handler) {
  auto server = std::make_unique<BeastServer>(std::move(handler));
  MILL_RETURN(server->Listen(port));
  return server;
}

}  // namespace millrace
