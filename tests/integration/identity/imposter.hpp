#pragma once

#include <condition_variable>
#include <csignal>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace bulkhead::testing {

/// A TLS certificate for "localhost" that no authority has signed.
struct SelfSigned {
  SelfSigned() : key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")), certificate(X509_new()) {
    X509_set_version(certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"),
                               -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_EXTENSION* names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate, key, EVP_sha256());
  }
  SelfSigned(const SelfSigned&) = delete;
  SelfSigned& operator=(const SelfSigned&) = delete;
  ~SelfSigned() {
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  /// Writes the certificate as PEM, to be trusted as an authority.
  void write(const std::string& path) const {
    FILE* file = std::fopen(path.c_str(), "w");
    PEM_write_X509(file, certificate);
    std::fclose(file);
  }

  EVP_PKEY* key;
  X509* certificate;
};

/// An HTTP server inside the test: a real socket on a loopback port, a thread for each connection, one
/// request on each. Counts requests by path and can hold its answers back.
class Imposter {
 public:
  using Answer = std::function<std::string(const std::string& path)>;

  explicit Imposter(Answer answer, const SelfSigned* tls = nullptr) : answer_(std::move(answer)) {
    if (tls != nullptr) {
      tls_ = SSL_CTX_new(TLS_server_method());
      SSL_CTX_use_certificate(tls_, tls->certificate);
      SSL_CTX_use_PrivateKey(tls_, tls->key);
    }
    accepting_ = std::thread([this] { accept(); });
  }
  Imposter(const Imposter&) = delete;
  Imposter& operator=(const Imposter&) = delete;
  ~Imposter() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      held_ = false;
    }
    changed_.notify_all();
    boost::asio::ip::tcp::socket last(io_);  // wakes the accepting thread
    boost::system::error_code ignored;
    last.connect(acceptor_.local_endpoint(), ignored);
    accepting_.join();
    for (auto& thread : threads_) thread.join();
    SSL_CTX_free(tls_);
  }

  [[nodiscard]] std::string port() const { return std::to_string(acceptor_.local_endpoint().port()); }
  [[nodiscard]] std::string url(const std::string& path = "") const {
    return "http://127.0.0.1:" + port() + path;
  }

  [[nodiscard]] int requests(const std::string& path) {
    std::lock_guard lock(mutex_);
    return requests_[path];
  }
  void wait_for_requests(const std::string& path, int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return requests_[path] >= count; });
  }
  /// While held, requests are read and counted and not answered.
  void hold(bool held) {
    {
      std::lock_guard lock(mutex_);
      held_ = held;
    }
    changed_.notify_all();
  }

  [[nodiscard]] static std::string ok(const std::string& body, const std::string& headers = "") {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers +
           "Connection: close\r\n\r\n" + body;
  }
  [[nodiscard]] static std::string status(const std::string& line, const std::string& headers = "") {
    return "HTTP/1.1 " + line + "\r\nContent-Length: 0\r\n" + headers + "Connection: close\r\n\r\n";
  }

 private:
  void accept() {
    for (;;) {
      boost::asio::ip::tcp::socket socket(io_);
      boost::system::error_code code;
      acceptor_.accept(socket, code);
      std::lock_guard lock(mutex_);
      if (stopping_) return;
      if (!code) threads_.emplace_back([this, s = std::move(socket)]() mutable { serve(s); });
    }
  }

  void serve(boost::asio::ip::tcp::socket& socket) {
    // OpenSSL writes without MSG_NOSIGNAL, and a client that does not like the certificate has hung up by then.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    SSL* tls = nullptr;
    if (tls_ != nullptr) {
      tls = SSL_new(tls_);
      SSL_set_fd(tls, socket.native_handle());
      if (SSL_accept(tls) != 1) {
        SSL_free(tls);
        return;
      }
    }
    std::string request;
    char piece[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
      boost::system::error_code code;
      std::size_t size = 0;
      if (tls != nullptr) {
        int got = SSL_read(tls, piece, sizeof piece);
        size = got > 0 ? static_cast<std::size_t>(got) : 0;
      } else {
        size = socket.read_some(boost::asio::buffer(piece), code);
      }
      if (size == 0) break;
      request.append(piece, size);
    }
    std::string path = request.substr(0, request.find(" HTTP/"));
    path.erase(0, std::min(path.find('/'), path.size()));
    {
      std::unique_lock lock(mutex_);
      ++requests_[path];
      changed_.notify_all();
      changed_.wait(lock, [&] { return !held_; });
    }
    std::string response = answer_(path);
    boost::system::error_code code;
    for (std::size_t sent = 0; sent < response.size() && !code;) {
      if (tls != nullptr) {
        int put = SSL_write(tls, response.data() + sent, static_cast<int>(response.size() - sent));
        if (put <= 0) break;
        sent += static_cast<std::size_t>(put);
      } else {
        sent += socket.write_some(boost::asio::buffer(response.data() + sent, response.size() - sent), code);
      }
    }
    if (tls != nullptr) {
      SSL_shutdown(tls);
      SSL_free(tls);
    }
    socket.shutdown(boost::asio::ip::tcp::socket::shutdown_both, code);
  }

  Answer answer_;
  boost::asio::io_context io_;
  boost::asio::ip::tcp::acceptor acceptor_{io_, {boost::asio::ip::address_v4::loopback(), 0}};
  SSL_CTX* tls_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, int> requests_;
  std::vector<std::thread> threads_;
  bool stopping_ = false, held_ = false;
  std::thread accepting_;
};

}  // namespace bulkhead::testing
