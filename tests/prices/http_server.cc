#include "tests/prices/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <csignal>
#include <sstream>
#include <utility>

namespace capacity::testing {
namespace {

std::string Reply(const std::string& status, const std::vector<std::string>& headers,
                  const std::string& body) {
  std::string out = "HTTP/1.1 " + status + "\r\n";
  for (const std::string& header : headers) out += header + "\r\n";
  out += "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n";
  return out + body;
}

HttpRequest Parse(const std::string& text) {
  HttpRequest request;
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  std::istringstream(line.substr(line.find(' ') + 1)) >> request.path;
  while (std::getline(lines, line) && line != "\r") {
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    std::string name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    request.headers[name] = line.substr(colon + 2, line.size() - colon - 3);
  }
  return request;
}

// One connection, plain or over TLS.
class Stream {
 public:
  Stream(int connection, SSL_CTX* context) : connection_(connection) {
    if (context == nullptr) return;
    tls_.reset(SSL_new(context));
    SSL_set_fd(tls_.get(), connection);
    shaken_ = SSL_accept(tls_.get()) == 1;
  }
  ~Stream() {
    if (tls_ != nullptr && shaken_) SSL_shutdown(tls_.get());
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Bytes moved; 0 or less: the other side is gone.
  long Read(char* buffer, std::size_t size) {
    if (tls_ == nullptr) return recv(connection_, buffer, size, 0);
    return shaken_ ? SSL_read(tls_.get(), buffer, static_cast<int>(size)) : 0;
  }
  long Write(const char* buffer, std::size_t size) {
    if (tls_ == nullptr) return send(connection_, buffer, size, MSG_NOSIGNAL);
    return shaken_ ? SSL_write(tls_.get(), buffer, static_cast<int>(size)) : 0;
  }

 private:
  struct Free {
    void operator()(SSL* tls) const { SSL_free(tls); }
  };
  int connection_;
  std::unique_ptr<SSL, Free> tls_;
  bool shaken_ = false;
};

}  // namespace

HttpReply Ok(const std::string& body, const std::vector<std::string>& headers) {
  return {Reply("200 OK", headers, body)};
}

HttpReply Status(int code, const std::vector<std::string>& headers) {
  return {Reply(std::to_string(code) + " Status", headers, "")};
}

HttpServer::HttpServer(Handler handler) : handler_(std::move(handler)) {
  listener_ = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
  listen(listener_, 16);
  socklen_t size = sizeof address;
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

HttpServer::HttpServer(Handler handler, const std::string& certificate, const std::string& key)
    : HttpServer(std::move(handler)) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  tls_.reset(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX_use_certificate_file(tls_.get(), certificate.c_str(), SSL_FILETYPE_PEM);
  SSL_CTX_use_PrivateKey_file(tls_.get(), key.c_str(), SSL_FILETYPE_PEM);
}

HttpServer::~HttpServer() {
  stopping_ = true;
  thread_.join();
  close(listener_);
}

std::string HttpServer::Url(const std::string& path) const {
  return (tls_ != nullptr ? "https" : "http") + std::string("://127.0.0.1:") +
         std::to_string(port_) + path;
}

std::vector<HttpRequest> HttpServer::requests() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return requests_;
}

void HttpServer::Serve() {
  while (!stopping_) {
    pollfd ready{listener_, POLLIN, 0};
    if (poll(&ready, 1, 20) <= 0) continue;
    const int connection = accept(listener_, nullptr, nullptr);
    if (connection < 0) continue;
    Answer(connection);
    close(connection);
  }
}

void HttpServer::Answer(int connection) {
  Stream stream(connection, tls_.get());
  std::string text;
  char buffer[4096];
  while (text.find("\r\n\r\n") == std::string::npos) {
    const long got = stream.Read(buffer, sizeof buffer);
    if (got <= 0) return;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  const HttpRequest request = Parse(text);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    requests_.push_back(request);
  }
  const HttpReply reply = handler_(request);
  for (int waited = 0; waited < reply.delay_ms && !stopping_; waited += 10) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  std::size_t sent = 0;
  while (sent < reply.bytes.size()) {
    const long now = stream.Write(reply.bytes.data() + sent, reply.bytes.size() - sent);
    if (now <= 0) return;
    sent += static_cast<std::size_t>(now);
  }
}

}  // namespace capacity::testing
