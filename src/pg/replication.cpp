#include "pg/replication.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include "pg/blocking.hpp"
#include "pg/conninfo.hpp"
#include "pg/result.hpp"

namespace bulkhead::pg {
namespace {

struct Finish {
  void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
};
struct FreeMemory {
  void operator()(char* memory) const noexcept { PQfreemem(memory); }
};

constexpr std::chrono::seconds status_pause{1};
constexpr std::string_view text_form =
    "-c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=3 -c bytea_output=hex -c timezone=UTC";
/// Between 1970 and 2000, where PostgreSQL's clock begins.
constexpr std::int64_t epoch_s = 946684800;

std::uint64_t read_u64(const char* at) noexcept {
  std::uint64_t out = 0;
  for (int i = 0; i < 8; ++i) out = (out << 8U) | static_cast<unsigned char>(at[i]);
  return out;
}

void write_u64(char* at, std::uint64_t value) noexcept {
  for (int i = 7; i >= 0; --i, value >>= 8U) at[i] = static_cast<char>(value & 255U);
}

}  // namespace

std::string lsn_text(Lsn lsn) {
  return fmt::format("{:X}/{:X}", lsn >> 32U, lsn & 0xffffffffU);
}

std::optional<Lsn> parse_lsn(std::string_view text) noexcept {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  std::array<std::uint32_t, 2> half{};
  const std::array<std::string_view, 2> parts{text.substr(0, slash), text.substr(slash + 1)};
  for (std::size_t i = 0; i < 2; ++i) {
    const char* end = parts[i].data() + parts[i].size();
    const auto read = std::from_chars(parts[i].data(), end, half[i], 16);
    if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  }
  return (static_cast<Lsn>(half[0]) << 32U) | half[1];
}

struct Replication::Impl {
  std::unique_ptr<PGconn, Finish> connection;
  std::unique_ptr<char, FreeMemory> held;  ///< What the last piece looks into.
  Lsn confirmed = 0, server_end = 0;
  bool streaming = false;
  std::chrono::steady_clock::time_point told = std::chrono::steady_clock::now();

  [[nodiscard]] Error failure(const PGresult* result) const {
    if (PQstatus(connection.get()) != CONNECTION_OK || result == nullptr) return lost();
    if (PQresultStatus(result) == PGRES_FATAL_ERROR) return error_of(result);
    return Error(Errc::statement_failed, "PostgreSQL did not answer as expected")
        .internal(connection_message(connection.get()));
  }
  [[nodiscard]] Error lost() const {
    return Error(Errc::database_unavailable, "The replication connection to PostgreSQL was lost")
        .internal(connection_message(connection.get()));
  }

  /// "Standby status update".
  Result<void> tell() {
    std::array<char, 34> message{};
    message[0] = 'r';
    // Written, flushed and applied are the same to us: what is confirmed is kept.
    for (const std::size_t at : {1U, 9U, 17U}) write_u64(&message[at], confirmed);
    const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    write_u64(&message[25], static_cast<std::uint64_t>(now.count() - epoch_s * 1'000'000));
    told = std::chrono::steady_clock::now();
    if (PQputCopyData(connection.get(), message.data(), static_cast<int>(message.size())) != 1 ||
        PQflush(connection.get()) < 0)
      return lost();
    return {};
  }

  /// Waits for bytes of the server; false: none came.
  Result<bool> wait(std::chrono::milliseconds longest) {
    pollfd waiting{PQsocket(connection.get()), POLLIN, 0};
    const int ready = poll(&waiting, 1, static_cast<int>(longest.count()));
    if (ready < 0 && errno != EINTR) return lost();
    if (ready > 0 && PQconsumeInput(connection.get()) != 1) return lost();
    return ready > 0;
  }

  /// The end of the stream: the server's reason.
  Error ended() {
    streaming = false;
    const ResultPtr result(PQgetResult(connection.get()));
    if (result && PQresultStatus(result.get()) == PGRES_FATAL_ERROR) return error_of(result.get());
    return lost();
  }
};

Replication::Replication(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Replication::Replication(Replication&&) noexcept = default;
Replication& Replication::operator=(Replication&&) noexcept = default;
Replication::~Replication() = default;

Result<Replication> Replication::connect(const std::string& conninfo) {
  BULKHEAD_TRY(Conninfo info, Conninfo::parse(conninfo));
  info.set_default("connect_timeout", "10");
  info.set("replication", "database");
  info.set("client_encoding", "UTF8");
  // Values come in text: in one form, whatever the database or the login has set. A peer that is gone is noticed in seconds.
  info.set("options", info.get("options") + " " + std::string(text_form));
  info.set_default("tcp_user_timeout", "20000");
  auto impl = std::make_unique<Impl>();
  const auto keywords = info.keywords();
  const auto values = info.values();
  impl->connection.reset(PQconnectdbParams(keywords.data(), values.data(), 0));
  if (PQstatus(impl->connection.get()) != CONNECTION_OK) {
    return Error(Errc::database_unavailable, "Cannot connect to PostgreSQL for replication: " +
                                                 connection_message(impl->connection.get()))
        .hint(
            "The operator's login needs REPLICATION, max_wal_senders a free place, and pg_hba.conf a line "
            "for it.");
  }
  PQsetNoticeProcessor(impl->connection.get(), [](void*, const char*) {}, nullptr);
  return Replication(std::move(impl));
}

Result<Replication::NewSlot> Replication::create_slot(const std::string& name, bool temporary) {
  const std::string command = "CREATE_REPLICATION_SLOT " + quote_identifier(name) +
                              (temporary ? " TEMPORARY" : "") + " LOGICAL pgoutput (SNAPSHOT 'export')";
  const ResultPtr result(PQexec(impl_->connection.get(), command.c_str()));
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK || PQntuples(result.get()) != 1)
    return impl_->failure(result.get());
  const auto consistent = parse_lsn(PQgetvalue(result.get(), 0, 1));
  if (!consistent) return Error(Errc::statement_failed, "PostgreSQL did not answer as expected");
  return NewSlot{*consistent, PQgetvalue(result.get(), 0, 2)};
}

Result<void> Replication::drop_slot(const std::string& name) {
  const std::string command = "DROP_REPLICATION_SLOT " + quote_identifier(name) + " WAIT";
  const ResultPtr result(PQexec(impl_->connection.get(), command.c_str()));
  if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) return impl_->failure(result.get());
  return {};
}

Result<void> Replication::start(const std::string& slot, Lsn from, const std::string& publication) {
  const std::string command = "START_REPLICATION SLOT " + quote_identifier(slot) + " LOGICAL " +
                              lsn_text(from) + " (proto_version '1', publication_names '" +
                              quote_identifier(publication) + "', messages 'on')";
  const ResultPtr result(PQexec(impl_->connection.get(), command.c_str()));
  if (PQresultStatus(result.get()) != PGRES_COPY_BOTH) return impl_->failure(result.get());
  impl_->streaming = true;
  impl_->confirmed = from;
  return {};
}

Result<std::optional<Replication::Piece>> Replication::receive(std::chrono::milliseconds longest) {
  const auto until = std::chrono::steady_clock::now() + longest;
  if (!impl_->streaming) return Error(Errc::internal, "nothing is streamed");
  for (;;) {
    if (std::chrono::steady_clock::now() - impl_->told >= status_pause) BULKHEAD_CHECK(impl_->tell());
    char* raw = nullptr;
    const int size = PQgetCopyData(impl_->connection.get(), &raw, 1);
    impl_->held.reset(raw);
    if (size < 0) return impl_->ended();
    if (size == 0) {
      const auto now = std::chrono::steady_clock::now();
      if (now >= until) return std::optional<Piece>();
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now);
      BULKHEAD_TRY([[maybe_unused]] const bool came,
                   impl_->wait(std::min<std::chrono::milliseconds>(left, status_pause)));
      continue;
    }
    const std::string_view message(raw, static_cast<std::size_t>(size));
    if (message.front() == 'k' && message.size() >= 18) {
      impl_->server_end = std::max(impl_->server_end, read_u64(raw + 1));
      if (message[17] != 0) BULKHEAD_CHECK(impl_->tell());
    } else if (message.front() == 'w' && message.size() >= 25) {
      Piece out;
      out.at = read_u64(raw + 1);
      out.server_end = read_u64(raw + 9);
      out.data = message.substr(25);
      return std::optional<Piece>(out);
    } else {
      return Error(Errc::statement_failed, "PostgreSQL's replication stream is not understood");
    }
  }
}

Lsn Replication::server_end() const noexcept {
  return impl_->server_end;
}

Result<void> Replication::confirm(Lsn lsn, bool now) {
  impl_->confirmed = std::max(impl_->confirmed, lsn);
  if (!now || !impl_->streaming) return {};
  return impl_->tell();
}

}  // namespace bulkhead::pg
