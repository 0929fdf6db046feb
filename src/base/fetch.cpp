#include "base/fetch.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <mutex>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <sys/socket.h>

#include "base/ascii.hpp"
#include "base/public_address.hpp"

namespace bulkhead {
namespace {

/// Header lines of one response together; no honest server needs more.
constexpr std::size_t header_limit = 64 * 1024;

struct Free {
  void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
  void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};
using Easy = std::unique_ptr<CURL, Free>;
using List = std::unique_ptr<curl_slist, Free>;
using Url = std::unique_ptr<CURLU, Free>;

/// libcurl's only global state; it must be set up once and before any thread uses the library.
bool curl_ready() {
  static std::once_flag once;
  static CURLcode code = CURLE_FAILED_INIT;
  std::call_once(once, [] { code = curl_global_init(CURL_GLOBAL_DEFAULT); });
  return code == CURLE_OK;
}

/// Keeps SIGPIPE from this thread while a library writes to sockets without MSG_NOSIGNAL, as OpenSSL does below libcurl
/// (which leaves the signal alone once CURLOPT_NOSIGNAL is set). A signal that came meanwhile is taken away, so that the
/// thread's own mask and disposition, which may be a product's, are left as they were.
class NoSigpipe {
 public:
  NoSigpipe() noexcept {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    // One that is pending already is not ours to take: it was blocked before.
    pending_before_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;
  ~NoSigpipe() {
    const timespec now{};
    if (!pending_before_)
      while (sigtimedwait(&pipe_, nullptr, &now) == -1 && errno == EINTR) {
      }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_, before_;
  bool pending_before_ = false;
};

/// What the callbacks of one exchange work on.
struct Exchange {
  FetchResponse response;
  std::size_t body_limit;
  std::size_t header_bytes = 0;
  bool body_too_long = false, header_too_long = false;
  const std::atomic<bool>* stop;
};

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  std::size_t bytes = size * count;
  exchange.header_bytes += bytes;
  if (exchange.header_bytes > header_limit) {
    exchange.header_too_long = true;
    return 0;
  }
  std::string_view line(data, bytes);
  // Each response begins with its status line; what an interim response (1xx) said does not count.
  if (line.starts_with("HTTP/")) exchange.response.headers.clear();
  std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || line.starts_with("HTTP/")) return bytes;
  std::string name = lower(line.substr(0, colon));
  std::string_view value = line.substr(colon + 1);
  while (value.ends_with('\r') || value.ends_with('\n')) value.remove_suffix(1);
  exchange.response.headers.emplace_back(std::move(name), trimmed(value));
  return bytes;
}

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  std::size_t bytes = size * count;
  if (bytes > exchange.body_limit - exchange.response.body.size()) {
    exchange.body_too_long = true;
    return 0;
  }
  exchange.response.body.append(data, bytes);
  return bytes;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& exchange = *static_cast<const Exchange*>(user);
  return exchange.stop != nullptr && exchange.stop->load(std::memory_order_relaxed) ? 1 : 0;
}

curl_socket_t open_public_socket(void*, curlsocktype, curl_sockaddr* to) {
  if (!is_public_address(to->addr)) return CURL_SOCKET_BAD;
  return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

std::string url_part(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

/// This machine, whatever a resolver says: libcurl asks none for names below localhost (RFC 6761 section 6.3).
bool is_loopback(const std::string& host) {
  in_addr address{};
  if (inet_pton(AF_INET, host.c_str(), &address) == 1) return (ntohl(address.s_addr) >> 24) == 127;
  return host == "localhost" || host.ends_with(".localhost") || host == "[::1]";
}

/// Scheme allowed for that host, no user and password in it (they would end in logs).
Result<std::string> allowed_host(const FetchRequest& request) {
  Url url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, request.url.c_str(), 0) != CURLUE_OK ||
      request.url.find('\0') != std::string::npos)
    return Error(Errc::usage, "this is not an absolute URL").internal("URL: " + request.url);
  std::string scheme = url_part(url.get(), CURLUPART_SCHEME);
  std::string host = url_part(url.get(), CURLUPART_HOST);
  if (scheme != "https" && !(scheme == "http" && request.allow_http))
    return Error(Errc::usage, "only https URLs are fetched").internal("URL: " + request.url);
  if (scheme == "http" && !request.public_only && !is_loopback(host))
    return Error(Errc::usage, "without TLS only this machine is asked (localhost, 127.0.0.0/8, [::1])")
        .internal("URL: " + request.url);
  if (!url_part(url.get(), CURLUPART_USER).empty() || !url_part(url.get(), CURLUPART_PASSWORD).empty())
    return Error(Errc::usage, "a URL with user or password is not fetched");
  return host;
}

Result<void> append(List& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) return Error(Errc::environment, "out of memory");
  static_cast<void>(list.release());
  list.reset(longer);
  return {};
}

/// Every option must take: a connection without one of them would be another, weaker one.
bool configure(CURL* easy, const FetchRequest& request, const std::string& host, curl_slist* headers,
               curl_slist* connect_to, Exchange& exchange, char* error_text) {
  auto timeout = static_cast<long>(std::max<std::int64_t>(request.deadline.count(), 1));
  bool ok = true;
  auto set = [&](CURLoption option, auto value) {
    ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK;
  };
  set(CURLOPT_ERRORBUFFER, error_text);
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, request.allow_http ? "http,https" : "https");
  if (request.body) {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body->size()));
    set(CURLOPT_POSTFIELDS, request.body->data());
  } else {
    set(CURLOPT_HTTPGET, 1L);
  }
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!request.ca_file.empty()) set(CURLOPT_CAINFO, request.ca_file.c_str());
  set(CURLOPT_TIMEOUT_MS, timeout);
  set(CURLOPT_CONNECTTIMEOUT_MS, timeout);
  set(CURLOPT_NOSIGNAL, 1L);
  // A proxy of the environment leads out of this machine; what is on this machine is not reached through it.
  if (is_loopback(host) || request.public_only) set(CURLOPT_PROXY, "");
  if (connect_to != nullptr)
    set(CURLOPT_CONNECT_TO, connect_to);
  else if (request.public_only)
    set(CURLOPT_OPENSOCKETFUNCTION, &open_public_socket);
  set(CURLOPT_HTTPHEADER, headers);
  set(CURLOPT_USERAGENT, "bulkhead");
  set(CURLOPT_HEADERFUNCTION, &on_header);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&exchange));
  set(CURLOPT_WRITEFUNCTION, &on_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&exchange));
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &on_progress);
  set(CURLOPT_XFERINFODATA, static_cast<void*>(&exchange));
  return ok;
}

Error failure(CURLcode code, const Exchange& exchange, const std::string& host, std::string_view text) {
  if (exchange.body_too_long)
    return Error(Errc::upstream_failed,
                 host + " sent a body longer than " + std::to_string(exchange.body_limit) + " bytes");
  if (exchange.header_too_long) return Error(Errc::upstream_failed, host + " sent a header that is too long");
  std::string internal(text.empty() ? std::string_view(curl_easy_strerror(code)) : text);
  if (code == CURLE_OPERATION_TIMEDOUT)
    return Error(Errc::deadline_exceeded, host + " did not answer in time").internal(std::move(internal));
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
    return Error(Errc::upstream_failed, "the certificate of " + host + " could not be verified")
        .internal(std::move(internal));
  return Error(Errc::upstream_failed, host + " could not be reached").internal(std::move(internal));
}

}  // namespace

std::optional<std::string_view> FetchResponse::header(std::string_view name) const noexcept {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return std::nullopt;
}

Result<void> check_url(const FetchRequest& request) {
  auto host = allowed_host(request);
  if (host.has_error()) return host.error();
  return {};
}

Result<FetchResponse> fetch_blocking(const FetchRequest& request, const std::atomic<bool>* stop) {
  if (!curl_ready()) return Error(Errc::environment, "libcurl could not be initialised");
  BULKHEAD_TRY(std::string host, allowed_host(request));
  NoSigpipe no_sigpipe;  // before the handle: closing a TLS connection writes, too
  Easy easy(curl_easy_init());
  List headers;
  for (const auto& [name, value] : request.headers) BULKHEAD_CHECK(append(headers, name + ": " + value));
  // Else libcurl asks before a long body whether it is wanted, and waits a second for receivers that do not know that.
  if (request.body) BULKHEAD_CHECK(append(headers, "Expect:"));
  List connect_to;
  if (!request.connect_to.empty()) {
    connect_to.reset(curl_slist_append(nullptr, ("::" + request.connect_to).c_str()));
    if (!connect_to) return Error(Errc::environment, "out of memory");
  }
  Exchange exchange{{}, request.body_limit, 0, false, false, stop};
  std::array<char, CURL_ERROR_SIZE> error_text{};
  if (!easy ||
      !configure(easy.get(), request, host, headers.get(), connect_to.get(), exchange, error_text.data()))
    return Error(Errc::environment, "libcurl lacks something that outgoing requests need (TLS?)");
  CURLcode code = curl_easy_perform(easy.get());
  if (code != CURLE_OK) return failure(code, exchange, host, error_text.data());
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  exchange.response.status = static_cast<unsigned>(status);
  return std::move(exchange.response);
}

struct Fetcher::Impl {
  std::size_t threads;
  std::atomic<bool> stop{false};
  std::once_flag started;
  std::unique_ptr<boost::asio::thread_pool> pool;

  boost::asio::thread_pool& running() {
    std::call_once(started, [this] { pool = std::make_unique<boost::asio::thread_pool>(threads); });
    return *pool;
  }
};

Fetcher::Fetcher(std::size_t threads) : impl_(std::make_unique<Impl>()) {
  impl_->threads = std::max<std::size_t>(threads, 1);
}

Fetcher::~Fetcher() {
  impl_->stop = true;
  // Exchanges that have not begun see `stop` at once; every caller gets its answer posted.
  if (impl_->pool) impl_->pool->join();
}

Task<Result<FetchResponse>> Fetcher::fetch(FetchRequest request) {
  Impl* impl = impl_.get();
  // The lambda is named before the co_await: g++ 12 destroys captures of a temporary twice.
  auto initiate = [impl](auto handler, FetchRequest what) {
    auto executor = boost::asio::get_associated_executor(handler);
    auto work = boost::asio::make_work_guard(executor);
    boost::asio::post(impl->running(), [impl, what = std::move(what), handler = std::move(handler),
                                        work = std::move(work), executor]() mutable {
      Result<FetchResponse> result = impl->stop ? Error(Errc::upstream_failed, "the server is stopping")
                                                : fetch_blocking(what, &impl->stop);
      boost::asio::post(executor, [handler = std::move(handler), result = std::move(result)]() mutable {
        std::move(handler)(std::move(result));
      });
      work.reset();
    });
  };
  co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>,
                                                 void(Result<FetchResponse>)>(
      initiate, boost::asio::use_awaitable, std::move(request));
}

}  // namespace bulkhead
