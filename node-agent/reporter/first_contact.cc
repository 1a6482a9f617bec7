#include "node-agent/reporter/first_contact.h"

#include <fcntl.h>
#include <netdb.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "planner/pki/certificate.h"
#include "planner/pki/token.h"

namespace capacity::reporter {
namespace {

using SteadyClock = std::chrono::steady_clock;

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Context = std::unique_ptr<SSL_CTX, Freer<&SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, Freer<&SSL_free>>;
using Bio = std::unique_ptr<BIO, Freer<&BIO_free_all>>;
using Addresses = std::unique_ptr<addrinfo, Freer<&freeaddrinfo>>;

class Socket {
 public:
  explicit Socket(int number) : number_(number) {}
  ~Socket() {
    if (number_ >= 0) close(number_);
  }
  Socket(Socket&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

absl::Status Unreachable(const Address& address, std::string_view why) {
  return absl::UnavailableError(absl::StrCat("the planner at ", address.host, ":", address.port,
                                             " cannot be reached: ", std::string(why)));
}

absl::Status Impostor(const Address& address, const Wanted& wanted, std::string_view why) {
  return absl::PermissionDeniedError(absl::StrCat("who answers at ", address.host, ":",
                                                  address.port, " is not ", wanted.who, ": ",
                                                  std::string(why)));
}

// False when the time is over.
bool Wait(int socket, short events, SteadyClock::time_point until) {
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - SteadyClock::now()).count();
    if (left <= 0) return false;
    pollfd ready = {.fd = socket, .events = events, .revents = 0};
    const int got = poll(&ready, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (got > 0) return true;
    if (got < 0 && errno != EINTR) return false;
  }
}

// "" when connected.
std::string Connect(int socket, const addrinfo& to, SteadyClock::time_point until) {
  fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
  fcntl(socket, F_SETFD, FD_CLOEXEC);
  if (connect(socket, to.ai_addr, to.ai_addrlen) == 0) return "";
  if (errno != EINPROGRESS) return std::generic_category().message(errno);
  if (!Wait(socket, POLLOUT, until)) return "no answer in time";
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? "" : std::generic_category().message(error);
}

absl::StatusOr<Socket> Dial(const Address& address, SteadyClock::time_point until) {
  const addrinfo hints = {
      .ai_flags = AI_ADDRCONFIG, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  const int error = getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found);
  if (error != 0) return Unreachable(address, gai_strerror(error));
  const Addresses all(found);
  std::string why = "it has no address";
  for (const addrinfo* to = all.get(); to != nullptr; to = to->ai_next) {
    Socket socket(::socket(to->ai_family, to->ai_socktype, to->ai_protocol));
    if (socket.number() < 0) continue;
    why = Connect(socket.number(), *to, until);
    if (why.empty()) return socket;
  }
  return Unreachable(address, why);
}

// gRPC servers want HTTP/2 to be asked for.
constexpr unsigned char kAlpn[] = {2, 'h', '2'};

absl::Status ShakeHands(SSL* session, const Address& address, SteadyClock::time_point until) {
  while (true) {
    ERR_clear_error();
    const int done = SSL_connect(session);
    if (done == 1) return absl::OkStatus();
    const int error = SSL_get_error(session, done);
    const bool reading = error == SSL_ERROR_WANT_READ;
    if (!reading && error != SSL_ERROR_WANT_WRITE) {
      return Unreachable(address, "it does not speak TLS (is it a planner, and its port?)");
    }
    if (!Wait(SSL_get_fd(session), reading ? POLLIN : POLLOUT, until)) {
      return Unreachable(address, "no answer to a TLS handshake in time");
    }
  }
}

// In the order of their making: the session goes before what it uses.
struct Hands {
  Socket socket;
  Context context;
  Session session;
};

// Nobody is trusted yet, so nothing is verified by TLS itself: who uses this verifies.
absl::StatusOr<Hands> HandsShaken(const Address& address, SteadyClock::time_point until) {
  auto socket = Dial(address, until);
  if (!socket.ok()) return socket.status();
  Context context(SSL_CTX_new(TLS_client_method()));
  Session session(context != nullptr ? SSL_new(context.get()) : nullptr);
  if (session == nullptr || SSL_set_min_proto_version(session.get(), TLS1_2_VERSION) != 1 ||
      SSL_set_alpn_protos(session.get(), kAlpn, sizeof kAlpn) != 0 ||
      SSL_set_tlsext_host_name(session.get(), std::string(pki::kServerName).c_str()) != 1 ||
      SSL_set_fd(session.get(), socket->number()) != 1) {
    return absl::InternalError("OpenSSL cannot prepare a handshake");
  }
  if (absl::Status shaken = ShakeHands(session.get(), address, until); !shaken.ok()) return shaken;
  return Hands{*std::move(socket), std::move(context), std::move(session)};
}

absl::StatusOr<std::string> Pem(X509* certificate) {
  const Bio out(BIO_new(BIO_s_mem()));
  if (out == nullptr || PEM_write_bio_X509(out.get(), certificate) != 1) {
    return absl::InternalError("OpenSSL cannot write a certificate");
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

// The pinned authority out of what the server showed.
absl::StatusOr<std::string> FindAuthority(SSL* session, const Address& address,
                                          const Wanted& wanted) {
  const STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(session);
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    auto pem = Pem(sk_X509_value(chain, i));
    if (!pem.ok()) return pem;
    const auto shown = pki::AuthorityFingerprint(*pem);
    if (shown.ok() && pki::EqualInConstantTime(*shown, wanted.fingerprint)) return pem;
  }
  return Impostor(address, wanted, "its authority has another fingerprint");
}

absl::Status CheckServer(SSL* session, const Address& address, const Wanted& wanted,
                         const std::string& authority_pem, std::int64_t now_unix_ms) {
  const STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(session);
  const auto leaf = Pem(sk_X509_value(chain, 0));
  if (!leaf.ok()) return leaf.status();
  if (absl::Status signature = pki::VerifySignedBy(*leaf, authority_pem, now_unix_ms);
      !signature.ok()) {
    return absl::IsFailedPrecondition(signature)
               ? Unreachable(address, std::string(signature.message()))
               : Impostor(address, wanted, std::string(signature.message()));
  }
  const auto identity = pki::ParseCertificate(*leaf);
  if (identity.ok() && identity->role == pki::Role::kServer) return absl::OkStatus();
  return Impostor(address, wanted, "its certificate is not a server's");
}

bool IsPort(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
         std::stoi(std::string(text)) >= 1 && std::stoi(std::string(text)) <= 65535;
}

}  // namespace

absl::StatusOr<Address> ParseAddress(std::string_view text) {
  const auto trimmed = absl::StripAsciiWhitespace(absl::string_view(text.data(), text.size()));
  text = {trimmed.data(), trimmed.size()};
  const std::size_t colon = text.rfind(':');
  const std::string wrong =
      absl::StrCat("\"", std::string(text),
                   "\" is not HOST:PORT; right would be planner.local:7443 or [fd00::1]:7443");
  if (colon == std::string_view::npos) return absl::InvalidArgumentError(wrong);
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const bool plain_colon = !bracketed && host.find(':') != std::string_view::npos;
  const bool stray_bracket = host.find_first_of("[]") != std::string_view::npos;
  if (host.empty() || plain_colon || stray_bracket || !IsPort(port))
    return absl::InvalidArgumentError(wrong);
  return Address{std::string(host), std::string(port)};
}

std::string Format(const Address& address) {
  const bool numeric_six = address.host.find(':') != std::string::npos;
  return absl::StrCat(numeric_six ? "[" : "", address.host, numeric_six ? "]:" : ":", address.port);
}

absl::StatusOr<std::string> FetchAuthority(const Address& address, const Wanted& wanted,
                                           std::int64_t now_unix_ms,
                                           std::chrono::milliseconds timeout) {
  const auto hands = HandsShaken(address, SteadyClock::now() + timeout);
  if (!hands.ok()) return hands.status();
  SSL* const session = hands->session.get();
  auto authority = FindAuthority(session, address, wanted);
  if (!authority.ok()) return authority;
  const absl::Status server = CheckServer(session, address, wanted, *authority, now_unix_ms);
  if (!server.ok()) return server;
  return authority;
}

bool SpeaksTls(const Address& address, std::chrono::milliseconds timeout) {
  return HandsShaken(address, SteadyClock::now() + timeout).ok();
}

}  // namespace capacity::reporter
