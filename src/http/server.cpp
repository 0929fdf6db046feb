#include "http/server.hpp"

#include <cerrno>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <sys/socket.h>

#include "http/connection.hpp"
#include "http/response.hpp"

namespace bulkhead::http {

namespace asio = boost::asio;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, asio::io_context::executor_type>;

namespace {

constexpr std::chrono::milliseconds tick_length{250};
/// After an accept failed (out of file descriptors, mostly): long enough not to spin, short enough not to be
/// noticed.
constexpr std::chrono::milliseconds accept_pause{50};
/// Between two times that somebody is told of it.
constexpr std::chrono::minutes complaint_pause{1};

Error listen_error(const std::string& address, std::uint16_t port, const boost::system::error_code& code) {
  std::string where = address + ":" + std::to_string(port);
  return Error(Errc::environment, "cannot listen on " + where + ": " + code.message())
      .hint(code == asio::error::address_in_use ? "another program listens there; choose another port" : "");
}

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  Impl(asio::io_context& io, Limits limits, Handler handler)
      : shared(std::make_shared<Shared>(io, limits, std::move(handler))), acceptor(io), ticker(io) {}

  std::shared_ptr<Shared> shared;
  Acceptor acceptor;
  asio::steady_timer ticker;
  std::chrono::sys_seconds date_of{};
  AcceptObserver accept_observer;
  std::chrono::steady_clock::time_point complain_from;
  bool closed = false;  ///< For good: nothing is left whose time would be up.

  Result<std::uint16_t> listen(const std::string& address, std::uint16_t port);
  void stop();
  void close_all();
  void accept_failed(const boost::system::error_code& code);
  void refresh_date();
  static Task<void> accept(std::shared_ptr<Impl> self);
  static Task<void> tick(std::shared_ptr<Impl> self);
};

Result<std::uint16_t> Server::Impl::listen(const std::string& address, std::uint16_t port) {
  boost::system::error_code code;
  auto ip = asio::ip::make_address(address, code);
  if (code) return listen_error(address, port, code);
  asio::ip::tcp::endpoint endpoint(ip, port);
  acceptor.open(endpoint.protocol(), code);
  if (!code) acceptor.set_option(asio::socket_base::reuse_address(true), code);
  int on = 1;
  if (!code && ::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
    code.assign(errno, boost::system::system_category());
  if (!code) acceptor.bind(endpoint, code);
  if (!code) acceptor.listen(asio::socket_base::max_listen_connections, code);
  std::uint16_t bound = 0;
  if (!code) bound = acceptor.local_endpoint(code).port();
  if (code) {
    boost::system::error_code ignored;
    acceptor.close(ignored);
    return listen_error(address, port, code);
  }
  refresh_date();
  auto self = shared_from_this();
  asio::co_spawn(shared->io, accept(self), asio::detached);
  asio::co_spawn(shared->io, tick(self), asio::detached);
  return bound;
}

void Server::Impl::refresh_date() {
  auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  if (now == date_of) return;
  date_of = now;
  shared->date = http_date(now);
}

Task<void> Server::Impl::accept(std::shared_ptr<Impl> self) {
  Shared& shared = *self->shared;
  while (self->acceptor.is_open()) {
    boost::system::error_code code;
    if (shared.connections >= shared.limits.connections) {
      shared.slot_free.expires_at(asio::steady_timer::time_point::max());
      co_await shared.slot_free.async_wait(asio::redirect_error(asio::use_awaitable, code));
      continue;
    }
    Socket socket(shared.io);
    co_await self->acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, code));
    if (!code) {
      auto connection = std::make_unique<Connection>(std::move(socket), self->shared);
      asio::co_spawn(shared.io, Connection::run(std::move(connection)), asio::detached);
    } else if (self->acceptor.is_open()) {
      self->accept_failed(code);
      shared.slot_free.expires_after(accept_pause);
      co_await shared.slot_free.async_wait(asio::redirect_error(asio::use_awaitable, code));
    }
  }
}

void Server::Impl::accept_failed(const boost::system::error_code& code) {
  auto now = std::chrono::steady_clock::now();
  if (!accept_observer || now < complain_from) return;
  complain_from = now + complaint_pause;
  accept_observer(code.message());
}

Task<void> Server::Impl::tick(std::shared_ptr<Impl> self) {
  Shared& shared = *self->shared;
  for (;;) {
    boost::system::error_code code;
    self->ticker.expires_after(tick_length);
    co_await self->ticker.async_wait(asio::redirect_error(asio::use_awaitable, code));
    // A tick that was on its way already is beyond cancelling.
    if (code || self->closed) co_return;
    ++shared.tick;
    self->refresh_date();
    for (Connection* connection : shared.open) connection->check_time();
  }
}

void Server::Impl::stop() {
  boost::system::error_code ignored;
  acceptor.close(ignored);
  shared->draining = true;
  shared->slot_free.cancel();
}

void Server::Impl::close_all() {
  closed = true;
  ticker.cancel();
  for (Connection* connection : shared->open) connection->close_now();
}

Server::Server(asio::io_context& io, Limits limits, Handler handler)
    : impl_(std::make_shared<Impl>(io, limits, std::move(handler))) {}

Server::~Server() {
  impl_->stop();
  impl_->close_all();
}

Result<std::uint16_t> Server::listen(const std::string& address, std::uint16_t port) {
  return impl_->listen(address, port);
}

Task<void> Server::drain(std::chrono::steady_clock::time_point deadline) {
  auto impl = impl_;
  impl->stop();
  Shared& shared = *impl->shared;
  for (Connection* connection : shared.open) connection->close_if_idle();
  while (!shared.open.empty() && std::chrono::steady_clock::now() < deadline) {
    boost::system::error_code code;
    shared.emptied.expires_at(deadline);
    co_await shared.emptied.async_wait(asio::redirect_error(asio::use_awaitable, code));
  }
  impl->close_all();
}

std::size_t Server::open_connections() const noexcept {
  return impl_->shared->connections;
}

Counters Server::counters() const noexcept {
  const Shared& shared = *impl_->shared;
  Counters counters;
  counters.accepted = shared.accepted;
  counters.requests = shared.requests;
  counters.refused = shared.refused;
  counters.handler_exceptions = shared.handler_exceptions;
  counters.open = shared.connections;
  return counters;
}

void Server::observe_refusals(RefusalObserver observer) {
  impl_->shared->refusal_observer = std::move(observer);
}

void Server::observe_accept_failures(AcceptObserver observer) {
  impl_->accept_observer = std::move(observer);
}

Result<void> check_port_is_free(const std::string& address, std::uint16_t port) {
  boost::system::error_code code;
  auto ip = asio::ip::make_address(address, code);
  asio::io_context io;
  asio::ip::tcp::acceptor probe(io);
  asio::ip::tcp::endpoint endpoint(ip, port);
  if (!code) probe.open(endpoint.protocol(), code);
  if (!code) probe.set_option(asio::socket_base::reuse_address(true), code);
  // Without SO_REUSEPORT the kernel refuses this while anyone listens there.
  if (!code) probe.bind(endpoint, code);
  if (!code) probe.listen(1, code);
  if (code) return listen_error(address, port, code);
  return Result<void>();
}

}  // namespace bulkhead::http
