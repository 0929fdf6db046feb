#include "pg/listener.hpp"

#include <algorithm>
#include <optional>
#include <random>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <libpq-fe.h>
#include <unistd.h>

#include <bulkhead/task.hpp>

#include "pg/conninfo.hpp"

namespace bulkhead::pg {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kBackoffMin{50}, kBackoffMax{5000}, kConnectTimeout{10'000};

struct Finish {
  void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
};
using Connection = std::unique_ptr<PGconn, Finish>;

}  // namespace

struct Listener::State : std::enable_shared_from_this<Listener::State> {
  State(asio::any_io_executor on, std::string to, std::vector<std::string> names, OnNotify notify,
        OnListening ready)
      : executor(std::move(on)),
        conninfo(std::move(to)),
        channels(std::move(names)),
        on_notify(std::move(notify)),
        on_listening(std::move(ready)),
        pause(executor),
        limit(executor) {}

  /// Until the socket is ready; false if the wait was cancelled or the time limit was reached.
  Task<bool> wait(PGconn* connection, Descriptor::wait_type what) {
    // libpq may change its socket between two polls of a connect, and closes it itself: wait on a copy.
    const int copy = dup(PQsocket(connection));
    if (copy < 0) co_return false;
    Descriptor descriptor(executor, copy);
    socket = &descriptor;
    auto [failed] = co_await descriptor.async_wait(what, kTuple);
    socket = nullptr;
    co_return !failed && !stopped;
  }

  Task<Connection> connect() {
    auto info = Conninfo::parse(conninfo);
    if (info.has_error()) co_return nullptr;
    // A peer that vanished without a word is noticed in half a minute.
    info->set_default("keepalives_idle", "15");
    info->set_default("keepalives_interval", "5");
    info->set_default("keepalives_count", "3");
    const auto keywords = info->keywords();
    const auto values = info->values();
    Connection connection(PQconnectStartParams(keywords.data(), values.data(), 0));
    if (!connection || PQstatus(connection.get()) == CONNECTION_BAD) co_return nullptr;
    // The server's last words would go to stderr, between the program's own lines.
    PQsetNoticeReceiver(connection.get(), [](void*, const PGresult*) {}, nullptr);
    auto poll = PGRES_POLLING_WRITING;
    while (poll != PGRES_POLLING_OK) {
      const auto what = poll == PGRES_POLLING_READING ? Descriptor::wait_read : Descriptor::wait_write;
      const bool ready = co_await wait(connection.get(), what);
      if (!ready) co_return nullptr;
      poll = PQconnectPoll(connection.get());
      if (poll == PGRES_POLLING_FAILED) co_return nullptr;
    }
    PQsetnonblocking(connection.get(), 1);
    co_return connection;
  }

  Task<bool> listen(PGconn* connection) {
    std::string sql;
    for (const auto& channel : channels) {
      char* quoted = PQescapeIdentifier(connection, channel.data(), channel.size());
      if (quoted == nullptr) co_return false;
      sql += "listen " + std::string(quoted) + ";";
      PQfreemem(quoted);
    }
    if (PQsendQuery(connection, sql.c_str()) != 1) co_return false;
    while (PQflush(connection) == 1) {
      const bool writable = co_await wait(connection, Descriptor::wait_write);
      if (!writable) co_return false;
    }
    bool all = true;
    for (;;) {
      while (PQisBusy(connection) == 1) {
        const bool readable = co_await wait(connection, Descriptor::wait_read);
        if (!readable || PQconsumeInput(connection) != 1) co_return false;
      }
      PGresult* result = PQgetResult(connection);
      if (result == nullptr) co_return all;
      all = all && PQresultStatus(result) == PGRES_COMMAND_OK;
      PQclear(result);
    }
  }

  void deliver(PGconn* connection) {
    while (PGnotify* notify = PQnotifies(connection)) {
      if (!stopped) on_notify(notify->relname, notify->extra);
      PQfreemem(notify);
    }
  }

  /// One connection's life. True if it came as far as listening.
  Task<bool> session() {
    limit.expires_after(kConnectTimeout);
    // The weak pointer: a timer that fires after the end must not touch it.
    limit.async_wait([self = weak_from_this()](const boost::system::error_code& cancelled) {
      const auto state = self.lock();
      if (!cancelled && state && state->socket != nullptr) state->socket->cancel();
    });
    Connection connection = co_await connect();
    if (!connection || stopped) co_return false;
    const bool heard = co_await listen(connection.get());
    limit.cancel();
    if (!heard || stopped) co_return false;
    listening = true;
    on_listening();
    for (;;) {
      deliver(connection.get());
      if (stopped) break;
      const bool readable = co_await wait(connection.get(), Descriptor::wait_read);
      if (!readable || PQconsumeInput(connection.get()) != 1) break;
    }
    listening = false;
    co_return true;
  }

  /// Static: it holds the state it works on, however early the listener goes.
  static Task<void> run(std::shared_ptr<State> self) { co_await self->loop(); }

  Task<void> loop() {
    std::minstd_rand random(std::random_device{}());
    auto backoff = kBackoffMin;
    while (!stopped) {
      const bool worked = co_await session();
      if (stopped) break;
      backoff = worked ? kBackoffMin : std::min(backoff * 2, kBackoffMax);
      // Jitter: servers that lost the same database must not come back in step.
      pause.expires_after(backoff / 2 +
                          std::chrono::milliseconds(static_cast<long>(random()) % (backoff.count() / 2 + 1)));
      auto [cancelled] = co_await pause.async_wait(kTuple);
      if (cancelled) break;
    }
  }

  void stop() {
    stopped = true;
    if (socket != nullptr) socket->cancel();
    pause.cancel();
    limit.cancel();
  }

  asio::any_io_executor executor;
  std::string conninfo;
  std::vector<std::string> channels;
  OnNotify on_notify;
  OnListening on_listening;
  asio::steady_timer pause, limit;
  Descriptor* socket = nullptr;  ///< What `wait` waits on now.
  bool stopped = false, listening = false;
};

Listener::Listener(asio::any_io_executor executor, std::string conninfo, std::vector<std::string> channels,
                   OnNotify on_notify, OnListening on_listening)
    : state_(std::make_shared<State>(std::move(executor), std::move(conninfo), std::move(channels),
                                     std::move(on_notify), std::move(on_listening))) {
  asio::co_spawn(state_->executor, State::run(state_), asio::detached);
}

Listener::~Listener() {
  state_->stop();
}

bool Listener::listening() const noexcept {
  return state_->listening;
}

}  // namespace bulkhead::pg
