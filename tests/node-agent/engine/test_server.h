// A small HTTP server on this machine that does what a test says, byte by byte: streams, breaks
// off, dawdles.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace capacity::testing {

struct Asked {
  std::string method;
  std::string path;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// One connection, to be answered once. It is closed after the handler.
class Connection {
 public:
  Connection(int socket, const std::atomic<bool>& stopping)
      : socket_(socket), stopping_(stopping) {}
  // False when the other side is gone.
  bool Write(const std::string& bytes);
  // A whole answer.
  void Reply(int status, const std::string& body,
             const std::string& content_type = "application/json");
  // The head of a chunked answer; then Chunk for each piece, and LastChunk.
  bool StartChunked(const std::string& content_type = "text/event-stream");
  bool Chunk(const std::string& bytes);
  void LastChunk();
  // Closes it as a process that is killed does.
  void Reset();
  void Sleep(int milliseconds) const;

 private:
  int socket_;
  const std::atomic<bool>& stopping_;
};

class TestServer {
 public:
  // Called for each request, several at once.
  using Handler = std::function<void(const Asked&, Connection&)>;
  explicit TestServer(Handler handler);
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  int port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::vector<Asked> asked() const;

 private:
  void Serve();
  void Answer(int socket);

  Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<Asked> asked_;
  std::vector<std::thread> connections_;
  std::thread thread_;
};

}  // namespace capacity::testing
