#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bulkhead/result.hpp>

#include "pg/unit.hpp"

namespace bulkhead::pg {

/// `"quoted"`, as an SQL identifier.
[[nodiscard]] std::string quote_identifier(std::string_view name);

/// An error of a server whose disk is full (SQLSTATE 53100) says whose it is, before PostgreSQL's own words; others are as they were.
[[nodiscard]] Error say_full_disk(const Error& error, const std::string& message, const std::string& hint);

/// A plain blocking connection for the operator's commands: migrations, provisioning, import, introspection.
/// Never used on an io thread. One thread at a time.
class Blocking {
 public:
  [[nodiscard]] static Result<Blocking> connect(const std::string& conninfo);
  /// Another connection to the same server, with these of libpq's keywords (`dbname`, `user`, `password` …) changed.
  [[nodiscard]] Result<Blocking> another(
      const std::vector<std::pair<std::string, std::string>>& changed) const;
  /// What `another` connects with, for a thread of its own. Holds the password: never log it.
  [[nodiscard]] Result<std::string> conninfo(
      const std::vector<std::pair<std::string, std::string>>& changed = {}) const;
  Blocking(Blocking&&) noexcept;
  Blocking& operator=(Blocking&&) noexcept;
  ~Blocking();

  /// One statement with bound parameters (nullopt is NULL).
  [[nodiscard]] Result<Rows> query(std::string_view sql,
                                   const std::vector<std::optional<std::string>>& params = {});
  /// Any number of statements, no parameters, simple protocol: our own SQL and migrations only. The error's
  /// `internal()` holds PostgreSQL's report; `details()` "position N" (1-based, characters) where PostgreSQL
  /// told one.
  [[nodiscard]] Result<void> execute(std::string_view sql);
  /// COPY … FROM STDIN: `next` fills a buffer and returns false at the end, or an error to abort.
  [[nodiscard]] Result<std::uint64_t> copy_in(std::string_view copy_sql,
                                              const std::function<Result<bool>(std::string& chunk)>& next);
  /// COPY … TO STDOUT.
  [[nodiscard]] Result<void> copy_out(std::string_view copy_sql,
                                      const std::function<void(std::string_view)>& chunk);
  /// COPY … TO STDOUT here straight into COPY … FROM STDIN there, in whatever format both name. `passed` is told the bytes of each
  /// row, and may wait, or stop it with an error. Returns the rows as `target` counted them.
  [[nodiscard]] Result<std::uint64_t> copy_to(std::string_view out_sql, Blocking& target,
                                              std::string_view in_sql,
                                              const std::function<Result<void>(std::size_t bytes)>& passed);
  /// What `say_full_disk` is to say of its errors from now on.
  void tell_full_disk(std::string message, std::string hint);
  /// `"quoted"` as an SQL identifier / `'quoted'` as a literal.
  [[nodiscard]] std::string quote_identifier(std::string_view name) const;
  [[nodiscard]] std::string quote_literal(std::string_view text) const;

 private:
  struct Impl;
  explicit Blocking(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::pg
