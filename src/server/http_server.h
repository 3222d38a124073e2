// HttpServer: answers HTTP/1.1 GET and HEAD requests on a thread of its own, on the loopback
// interface only: whoever may log in to the machine may read what it says, nobody else.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"

namespace millrace {

struct HttpReply {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

class HttpServer {
 public:
  // Called on the server's thread with the path of the request, without what follows a '?'. Must
  // not wait.
  using Handler = std::function<HttpReply(const std::string& path)>;

  // Listens on 127.0.0.1:`port`; 0: any port that is free. An error if the port is taken.
  static Result<std::unique_ptr<HttpServer>> Start(int port, Handler handler);
  // Ends the connections and the thread.
  virtual ~HttpServer() = default;
  virtual int port() const = 0;
};

}  // namespace millrace
