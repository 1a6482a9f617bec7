#include "tests/node-agent/engine/test_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <sstream>
#include <utility>

namespace capacity::testing {
namespace {

Asked ParseHead(const std::string& head) {
  Asked asked;
  std::istringstream lines(head);
  std::string line;
  std::getline(lines, line);
  std::istringstream(line) >> asked.method >> asked.path;
  while (std::getline(lines, line) && line != "\r") {
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    std::string name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    asked.headers[name] = line.substr(colon + 2, line.size() - colon - 3);
  }
  return asked;
}

}  // namespace

bool Connection::Write(const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t now = send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (now <= 0) return false;
    sent += static_cast<std::size_t>(now);
  }
  return true;
}

void Connection::Reply(int status, const std::string& body, const std::string& content_type) {
  Write("HTTP/1.1 " + std::to_string(status) + " Status\r\nContent-Type: " + content_type +
        "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" +
        body);
}

bool Connection::StartChunked(const std::string& content_type) {
  return Write("HTTP/1.1 200 OK\r\nContent-Type: " + content_type +
               "\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
}

bool Connection::Chunk(const std::string& bytes) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return Write(size + bytes + "\r\n");
}

void Connection::LastChunk() { Write("0\r\n\r\n"); }

void Connection::Reset() {
  const linger now = {.l_onoff = 1, .l_linger = 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void Connection::Sleep(int milliseconds) const {
  for (int waited = 0; waited < milliseconds && !stopping_; waited += 2) {
    std::this_thread::sleep_for(std::chrono::milliseconds(std::min(2, milliseconds - waited)));
  }
}

TestServer::TestServer(Handler handler) : handler_(std::move(handler)) {
  listener_ = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
  listen(listener_, 64);
  socklen_t size = sizeof address;
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

TestServer::~TestServer() {
  stopping_ = true;
  thread_.join();
  for (std::thread& connection : connections_) connection.join();
  close(listener_);
}

std::vector<Asked> TestServer::asked() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return asked_;
}

void TestServer::Serve() {
  while (!stopping_) {
    pollfd ready{listener_, POLLIN, 0};
    if (poll(&ready, 1, 20) <= 0) continue;
    const int socket = accept(listener_, nullptr, nullptr);
    if (socket < 0) continue;
    connections_.emplace_back([this, socket] {
      Answer(socket);
      close(socket);
    });
  }
}

void TestServer::Answer(int socket) {
  const timeval patience = {.tv_sec = 5, .tv_usec = 0};
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::string text;
  char buffer[4096];
  std::size_t head = std::string::npos;
  std::size_t wanted = 0;
  Asked asked;
  while (head == std::string::npos || text.size() < head + wanted) {
    const ssize_t got = recv(socket, buffer, sizeof buffer, 0);
    if (got <= 0) return;
    text.append(buffer, static_cast<std::size_t>(got));
    if (head != std::string::npos || text.find("\r\n\r\n") == std::string::npos) continue;
    head = text.find("\r\n\r\n") + 4;
    asked = ParseHead(text.substr(0, head));
    const auto length = asked.headers.find("content-length");
    wanted = length == asked.headers.end() ? 0 : std::stoul(length->second);
  }
  asked.body = text.substr(head);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    asked_.push_back(asked);
  }
  Connection connection(socket, stopping_);
  handler_(asked, connection);
}

}  // namespace capacity::testing
