#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include <bulkhead/error.hpp>
#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>

namespace bulkhead {

enum class LogLevel : std::uint8_t { debug, info, warn, error };

/// One member of a log line. Views: the line is written before the call returns.
struct LogField {
  std::string_view name;
  std::variant<std::string_view, std::int64_t, double, bool> value;

  LogField(std::string_view field, std::string_view text) : name(field), value(text) {}
  LogField(std::string_view field, const std::string& text) : name(field), value(std::string_view(text)) {}
  LogField(std::string_view field, const char* text) : name(field), value(std::string_view(text)) {}
  LogField(std::string_view field, bool truth) : name(field), value(truth) {}
  LogField(std::string_view field, double number) : name(field), value(number) {}
  template <std::integral T>
  LogField(std::string_view field, T number) : name(field), value(static_cast<std::int64_t>(number)) {}
};

/// A finished request. `route` is the route's name or the path alone: query values, header values and bodies
/// may hold someone's data and have no field here.
struct AccessLine {
  std::string_view tenant_id, tenant, principal;  ///< Empty where the request did not get that far.
  std::string_view
      acting;  ///< The operator who acts in the principal's place, as the audit log has it; mostly nobody.
  std::string_view trace_id, span_id;
  Method method = Method::other;
  std::string_view route;
  unsigned status = 0;
  std::chrono::microseconds duration{0};
  std::chrono::microseconds db{0};  ///< Of it, waiting for PostgreSQL.
  std::uint64_t bytes = 0;          ///< Of the response's body.
  const Error* error = nullptr;     ///< Adds `error`, `detail`, `internal` and `sqlstate`.
};

/// Writes JSON lines {"ts":…,"level":…,"msg":…,…}. `ts` is RFC 3339 in UTC with milliseconds. Lines are
/// gathered and written by a thread of the Logger's, within 200 ms, at once from `warn` upwards, and when the
/// Logger goes, which waits for them for a second. Never
/// logs a token: fields whose name says secret (`authorization`, `token`, `password`, `secret`, `cookie`) are
/// written as "[redacted]".
///
/// Thread-safe; pass it by reference to where it is needed. Logging never waits and never fails a request: of
/// what the reader of a pipe does not take, 4 MiB are kept, and further lines are lost. How many is counted, and
/// the log says it itself once it is taken again.
class Logger {
 public:
  /// To standard error.
  explicit Logger(LogLevel at_least = LogLevel::info);
  /// Appends to `file`. Errors: `environment`.
  [[nodiscard]] static Result<Logger> to_file(const std::filesystem::path& file,
                                              LogLevel at_least = LogLevel::info);
  /// To a descriptor of the caller's, open for longer than the Logger.
  [[nodiscard]] static Logger to_descriptor(int descriptor, LogLevel at_least = LogLevel::info);
  /// Drops everything.
  [[nodiscard]] static Logger nowhere();
  Logger(Logger&&) noexcept;
  Logger& operator=(Logger&&) noexcept;
  ~Logger();

  [[nodiscard]] bool enabled(LogLevel level) const noexcept;
  void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
  void debug(std::string_view message, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::debug, message, fields);
  }
  void info(std::string_view message, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::info, message, fields);
  }
  void warn(std::string_view message, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::warn, message, fields);
  }
  void error(std::string_view message, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::error, message, fields);
  }
  /// A failure with everything the log may know of it.
  void failure(std::string_view message, const Error& error, std::initializer_list<LogField> fields = {});
  /// Level `error` from status 500, else `info`.
  void access(const AccessLine& line);
  /// Waits until everything is written, for a second at most.
  void flush();
  /// Lines that could not be written since the start.
  [[nodiscard]] std::uint64_t lost_lines() const;

 private:
  struct Impl;
  explicit Logger(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead
