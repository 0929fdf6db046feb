#include "pg/blocking.hpp"

#include <array>
#include <chrono>

#include <libpq-fe.h>

#include "pg/conninfo.hpp"
#include "pg/result.hpp"

namespace bulkhead::pg {
namespace {

struct Finish {
  void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
};

bool has_nul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

Error nul_refused(std::string_view what) {
  return Error(Errc::payload_invalid, std::string(what) + " holds a NUL byte, which PostgreSQL cannot store");
}

}  // namespace

Error say_full_disk(const Error& error, const std::string& message, const std::string& hint) {
  if (error.sqlstate() != "53100") return error;
  return Error(error.code(), message + ": " + std::string(error.message()))
      .hint(hint)
      .internal(std::string(error.internal()))
      .sqlstate("53100");
}

struct Blocking::Impl {
  std::unique_ptr<PGconn, Finish> connection;
  std::string full_disk, full_disk_hint;

  /// The error of a call that failed: the statement's own, or the connection's if that is gone.
  [[nodiscard]] Error failure(const PGresult* result) const {
    // With the connection gone the result is libpq's own and has no SQLSTATE, or holds the server's last
    // words.
    if (PQstatus(connection.get()) != CONNECTION_OK) {
      return Error(Errc::database_unavailable, "The connection to PostgreSQL was lost")
          .internal(connection_message(connection.get()))
          .sqlstate(result == nullptr ? "" : error_field(result, PG_DIAG_SQLSTATE));
    }
    if (result == nullptr || PQresultStatus(result) != PGRES_FATAL_ERROR) {
      return Error(Errc::statement_failed, "PostgreSQL did not answer as expected")
          .internal(connection_message(connection.get()));
    }
    Error error = error_of(result);
    return full_disk.empty() ? error : say_full_disk(error, full_disk, full_disk_hint);
  }

  /// Reads results until the NULL that ends a command; the first failed one is the answer.
  [[nodiscard]] ResultPtr finish_copy() const {
    ResultPtr kept;
    while (ResultPtr next{PQgetResult(connection.get())}) {
      const bool kept_failed = kept && PQresultStatus(kept.get()) == PGRES_FATAL_ERROR;
      if (!kept_failed) kept = std::move(next);
    }
    return kept;
  }

  /// What runs is not wanted any more.
  void cancel() const {
    PGcancel* request = PQgetCancel(connection.get());
    if (request == nullptr) return;
    std::array<char, 256> why{};
    PQcancel(request, why.data(), static_cast<int>(why.size()));
    PQfreeCancel(request);
  }

  /// A COPY that this call did not ask for would block the connection for ever: end it.
  void leave_copy(ExecStatusType status) const {
    if (status == PGRES_COPY_IN || status == PGRES_COPY_BOTH) {
      PQputCopyEnd(connection.get(), "COPY is not possible here");
    }
    if (status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
      for (char* row = nullptr; PQgetCopyData(connection.get(), &row, 0) > 0; row = nullptr) PQfreemem(row);
    }
    const ResultPtr end = finish_copy();
  }
};

Blocking::Blocking(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Blocking::Blocking(Blocking&&) noexcept = default;
Blocking& Blocking::operator=(Blocking&&) noexcept = default;
Blocking::~Blocking() = default;

Result<Blocking> Blocking::connect(const std::string& conninfo) {
  BULKHEAD_TRY(Conninfo info, Conninfo::parse(conninfo));
  info.set_default("connect_timeout", "10");
  auto impl = std::make_unique<Impl>();
  const auto keywords = info.keywords();
  const auto values = info.values();
  impl->connection.reset(PQconnectdbParams(keywords.data(), values.data(), 0));
  if (PQstatus(impl->connection.get()) != CONNECTION_OK) {
    return Error(Errc::database_unavailable,
                 "Cannot connect to PostgreSQL: " + connection_message(impl->connection.get()))
        .hint(
            "Check that PostgreSQL runs and that the connection string names the right host, database and "
            "role.");
  }
  // Notices of migrations ("relation exists, skipping") would go to stderr between the program's own lines.
  PQsetNoticeProcessor(impl->connection.get(), [](void*, const char*) {}, nullptr);
  return Blocking(std::move(impl));
}

Result<Blocking> Blocking::another(const std::vector<std::pair<std::string, std::string>>& changed) const {
  BULKHEAD_TRY(const std::string text, conninfo(changed));
  return connect(text);
}

Result<std::string> Blocking::conninfo(
    const std::vector<std::pair<std::string, std::string>>& changed) const {
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> options(
      PQconninfo(impl_->connection.get()), &PQconninfoFree);
  if (!options) return Error(Errc::environment, "out of memory");
  BULKHEAD_TRY(Conninfo info, Conninfo::parse(""));
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr && *option->val != '\0') info.set(option->keyword, option->val);
  }
  for (const auto& [keyword, value] : changed) info.set(keyword, value);
  return info.text();
}

void Blocking::tell_full_disk(std::string message, std::string hint) {
  impl_->full_disk = std::move(message);
  impl_->full_disk_hint = std::move(hint);
}

Result<Rows> Blocking::query(std::string_view sql, const std::vector<std::optional<std::string>>& params) {
  if (has_nul(sql)) return nul_refused("The statement");
  std::vector<const char*> values;
  values.reserve(params.size());
  for (const auto& param : params) {
    if (param && has_nul(*param)) return nul_refused("A parameter");
    values.push_back(param ? param->c_str() : nullptr);
  }
  const std::string text(sql);
  ResultPtr result(PQexecParams(impl_->connection.get(), text.c_str(), static_cast<int>(values.size()),
                                nullptr, values.data(), nullptr, nullptr, 0));
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return Rows(result.release());
  if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH)
    impl_->leave_copy(status);
  return impl_->failure(result.get());
}

Result<void> Blocking::execute(std::string_view sql) {
  if (has_nul(sql)) return nul_refused("The statement");
  const std::string text(sql);
  const ResultPtr result(PQexec(impl_->connection.get(), text.c_str()));
  switch (const ExecStatusType status = PQresultStatus(result.get())) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
      return {};
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
      impl_->leave_copy(status);
      return Error(Errc::statement_failed, "COPY to or from the client is not possible here")
          .hint("Write the rows as INSERT statements.");
    default:
      return impl_->failure(result.get());
  }
}

Result<std::uint64_t> Blocking::copy_in(std::string_view copy_sql,
                                        const std::function<Result<bool>(std::string& chunk)>& next) {
  PGconn* connection = impl_->connection.get();
  const std::string text(copy_sql);
  const ResultPtr start(PQexec(connection, text.c_str()));
  if (PQresultStatus(start.get()) != PGRES_COPY_IN) return impl_->failure(start.get());

  std::optional<Error> aborted;
  std::string chunk;
  for (bool more = true; more && !aborted;) {
    chunk.clear();
    const Result<bool> filled = next(chunk);
    if (filled.has_error()) {
      aborted = filled.error();
      break;
    }
    more = *filled;
    // A failed put means that the server has refused a row or is gone; the result below says which.
    if (!chunk.empty() && PQputCopyData(connection, chunk.data(), static_cast<int>(chunk.size())) != 1) break;
  }
  PQputCopyEnd(connection, aborted ? "aborted by the client" : nullptr);
  ResultPtr end = impl_->finish_copy();
  if (aborted) return *aborted;
  if (PQresultStatus(end.get()) != PGRES_COMMAND_OK) return impl_->failure(end.get());
  return Rows(end.release()).affected();
}

Result<void> Blocking::copy_out(std::string_view copy_sql,
                                const std::function<void(std::string_view)>& chunk) {
  PGconn* connection = impl_->connection.get();
  const std::string text(copy_sql);
  const ResultPtr start(PQexec(connection, text.c_str()));
  if (PQresultStatus(start.get()) != PGRES_COPY_OUT) return impl_->failure(start.get());
  for (;;) {
    char* row = nullptr;
    const int size = PQgetCopyData(connection, &row, 0);
    if (size <= 0) break;
    const std::unique_ptr<char, void (*)(void*)> owner(row, &PQfreemem);
    chunk(std::string_view(row, static_cast<std::size_t>(size)));
  }
  const ResultPtr end = impl_->finish_copy();
  if (PQresultStatus(end.get()) != PGRES_COMMAND_OK) return impl_->failure(end.get());
  return {};
}

Result<std::uint64_t> Blocking::copy_to(std::string_view out_sql, Blocking& target, std::string_view in_sql,
                                        const std::function<Result<void>(std::size_t bytes)>& passed) {
  PGconn* from = impl_->connection.get();
  PGconn* to = target.impl_->connection.get();
  const std::string out_text(out_sql), in_text(in_sql);
  const ResultPtr out_start(PQexec(from, out_text.c_str()));
  if (PQresultStatus(out_start.get()) != PGRES_COPY_OUT) return impl_->failure(out_start.get());
  const ResultPtr in_start(PQexec(to, in_text.c_str()));
  if (PQresultStatus(in_start.get()) != PGRES_COPY_IN) {
    Error refused = target.impl_->failure(in_start.get());
    impl_->leave_copy(PGRES_COPY_OUT);
    return refused;
  }
  std::optional<Error> aborted;
  bool to_the_end = false;
  for (;;) {
    char* row = nullptr;
    const int size = PQgetCopyData(from, &row, 0);
    to_the_end = size <= 0;
    if (to_the_end) break;
    const std::unique_ptr<char, void (*)(void*)> owner(row, &PQfreemem);
    // A failed put means that the target has refused a row or is gone; the result below says which.
    if (PQputCopyData(to, row, size) != 1) break;
    const auto before = std::chrono::steady_clock::now();
    if (auto told = passed(static_cast<std::size_t>(size)); told.has_error()) {
      aborted = told.error();
      break;
    }
    // Who holds rows back wants a trickle, not what libpq has gathered, in one go.
    if (std::chrono::steady_clock::now() - before >= std::chrono::milliseconds(1)) PQflush(to);
  }
  if (to_the_end) {
    // A source that failed on the way says so only now.
    const ResultPtr out_end = impl_->finish_copy();
    if (PQresultStatus(out_end.get()) != PGRES_COMMAND_OK) aborted = impl_->failure(out_end.get());
  } else {
    impl_->cancel();
    impl_->leave_copy(PGRES_COPY_OUT);
  }
  PQputCopyEnd(to, aborted ? "the source has failed" : nullptr);
  ResultPtr end = target.impl_->finish_copy();
  if (aborted) return *aborted;
  if (PQresultStatus(end.get()) != PGRES_COMMAND_OK) return target.impl_->failure(end.get());
  return Rows(end.release()).affected();
}

std::string quote_identifier(std::string_view name) {
  // Doubling quotes is all an identifier needs in any encoding that the server accepts from us (UTF8).
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
  return out;
}

std::string Blocking::quote_identifier(std::string_view name) const {
  return pg::quote_identifier(name);
}

std::string Blocking::quote_literal(std::string_view text) const {
  // As libpq does: E'' only where a backslash needs it, so that the result is right whatever
  // standard_conforming_strings says.
  const bool backslash = text.find('\\') != std::string_view::npos;
  std::string out = backslash ? " E'" : "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out.push_back(c);
    out.push_back(c);
  }
  out.push_back('\'');
  return out;
}

}  // namespace bulkhead::pg
