// A small HTTP server on this machine, for tests of fetching.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

struct ssl_ctx_st;  // OpenSSL's

namespace capacity::testing {

struct HttpRequest {
  std::string path;
  std::map<std::string, std::string> headers;  // names in lower case
};

// What is written to the socket, byte for byte, and how long to hold it open before.
struct HttpReply {
  std::string bytes;
  int delay_ms = 0;
};

// "HTTP/1.1 200 OK" with a body and its length; `headers` are full lines.
HttpReply Ok(const std::string& body, const std::vector<std::string>& headers = {});
HttpReply Status(int code, const std::vector<std::string>& headers = {});

class HttpServer {
 public:
  using Handler = std::function<HttpReply(const HttpRequest&)>;
  explicit HttpServer(Handler handler);
  // Over TLS, with this certificate and key (PEM files).
  HttpServer(Handler handler, const std::string& certificate, const std::string& key);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // "http://127.0.0.1:PORT" or "https://127.0.0.1:PORT", + path.
  std::string Url(const std::string& path) const;
  std::vector<HttpRequest> requests() const;

 private:
  void Serve();
  void Answer(int connection);

  Handler handler_;
  std::shared_ptr<ssl_ctx_st> tls_;  // null: plain
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<HttpRequest> requests_;
  std::thread thread_;
};

}  // namespace capacity::testing
