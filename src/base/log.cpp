#include "base/log.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include "base/utf8.hpp"

namespace bulkhead {

namespace {

constexpr std::chrono::milliseconds flush_every{200};
constexpr std::size_t flush_above = 64 * 1024;

/// Gathers whole lines and hands them to a file descriptor in one write.
class LineSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  LineSink(int descriptor, bool owned) : descriptor_(descriptor), owned_(owned) {
    gathered_.reserve(flush_above * 2);
  }
  ~LineSink() override {
    flush_();
    if (owned_) ::close(descriptor_);
  }
  LineSink(const LineSink&) = delete;
  LineSink& operator=(const LineSink&) = delete;

 private:
  void sink_it_(const spdlog::details::log_msg& line) override {
    gathered_.append(line.payload.data(), line.payload.size());
    gathered_.push_back('\n');
    if (gathered_.size() >= flush_above) flush_();
  }

  void flush_() override {
    std::size_t written = 0;
    while (written < gathered_.size()) {
      ssize_t count = ::write(descriptor_, gathered_.data() + written, gathered_.size() - written);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;  // A full disk or a closed pipe loses lines, not requests.
      written += static_cast<std::size_t>(count);
    }
    gathered_.clear();
  }

  int descriptor_;
  bool owned_;
  std::string gathered_;
};

spdlog::level::level_enum spdlog_level(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view level_name(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      return "error";
  }
  return "info";
}

void append_padded(std::string& out, unsigned value, unsigned digits) {
  std::array<char, 8> text{};
  for (unsigned i = digits; i-- > 0; value /= 10) text[i] = static_cast<char>('0' + value % 10);
  out.append(text.data(), digits);
}

/// 2026-11-22T23:04:18.123Z
void append_timestamp(std::string& out, std::chrono::system_clock::time_point now) {
  auto ms = std::chrono::floor<std::chrono::milliseconds>(now);
  auto day = std::chrono::floor<std::chrono::days>(ms);
  std::chrono::year_month_day date(day);
  std::chrono::hh_mm_ss clock(ms - day);
  append_padded(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  out.push_back('-');
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out.push_back('-');
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out.push_back('T');
  append_padded(out, static_cast<unsigned>(clock.hours().count()), 2);
  out.push_back(':');
  append_padded(out, static_cast<unsigned>(clock.minutes().count()), 2);
  out.push_back(':');
  append_padded(out, static_cast<unsigned>(clock.seconds().count()), 2);
  out.push_back('.');
  append_padded(out, static_cast<unsigned>(clock.subseconds().count()), 3);
  out.push_back('Z');
}

void append_number(std::string& out, std::int64_t number) {
  std::array<char, 24> digits{};
  auto [end, problem] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

void append_number(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out.append("null");
    return;
  }
  std::array<char, 40> digits{};
  auto [end, problem] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

bool secret(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 5> secrets{"authorization", "token", "password", "secret", "cookie"};
  return std::find(secrets.begin(), secrets.end(), name) != secrets.end();
}

void append_name(std::string& out, std::string_view name) {
  out.append(",\"").append(name).append("\":");
}

void append_text(std::string& out, std::string_view name, std::string_view text) {
  append_name(out, name);
  append_json_lossy(out, text);
}

void append_text_if(std::string& out, std::string_view name, std::string_view text) {
  if (!text.empty()) append_text(out, name, text);
}

void append_error(std::string& out, const Error& error) {
  append_text(out, "error", error_info(error.code()).name);
  append_text_if(out, "detail", error.message());
  append_text_if(out, "sqlstate", error.sqlstate());
  append_text_if(out, "internal", error.internal());
}

void append_field(std::string& out, const LogField& field) {
  if (secret(field.name)) return append_text(out, field.name, "[redacted]");
  append_name(out, field.name);
  struct Append {
    std::string& out;
    void operator()(std::string_view text) const { append_json_lossy(out, text); }
    void operator()(std::int64_t number) const { append_number(out, number); }
    void operator()(double number) const { append_number(out, number); }
    void operator()(bool truth) const { out.append(truth ? "true" : "false"); }
  };
  std::visit(Append{out}, field.value);
}

std::string begin_line(LogLevel level, std::string_view message) {
  std::string out;
  out.reserve(512);
  out.append("{\"ts\":\"");
  append_timestamp(out, std::chrono::system_clock::now());
  out.append("\",\"level\":\"").append(level_name(level)).append("\",\"msg\":");
  append_json_lossy(out, message);
  return out;
}

}  // namespace

struct Logger::Impl {
  Impl(spdlog::sink_ptr sink, LogLevel at_least) : logger("bulkhead", std::move(sink)) {
    logger.set_level(spdlog_level(at_least));
    logger.flush_on(spdlog::level::warn);
    flusher = std::jthread([this](const std::stop_token& stop) { flush_until(stop); });
  }

  void flush_until(const std::stop_token& stop) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any stopped;
    while (!stopped.wait_for(lock, stop, flush_every, [&] { return stop.stop_requested(); })) logger.flush();
  }

  void finish(LogLevel level, std::string& line) {
    line.push_back('}');
    logger.log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
  }

  spdlog::logger logger;
  std::jthread flusher;  ///< Last: stopped before the logger goes, whose sink writes what is left.
};

Logger::Logger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Logger::Logger(Logger&&) noexcept = default;
Logger& Logger::operator=(Logger&&) noexcept = default;
Logger::~Logger() = default;

Logger::Logger(LogLevel at_least)
    : impl_(std::make_unique<Impl>(std::make_shared<LineSink>(STDERR_FILENO, false), at_least)) {}

Result<Logger> Logger::to_file(const std::filesystem::path& file, LogLevel at_least) {
  int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (descriptor < 0)
    return Error(Errc::environment,
                 "cannot write the log file " + file.string() + ": " + std::strerror(errno));
  return Logger(std::make_unique<Impl>(std::make_shared<LineSink>(descriptor, true), at_least));
}

Logger Logger::nowhere() {
  return Logger(nullptr);
}

bool Logger::enabled(LogLevel level) const noexcept {
  return impl_ && impl_->logger.should_log(spdlog_level(level));
}

void Logger::write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (!enabled(level)) return;
  std::string line = begin_line(level, message);
  for (const LogField& field : fields) append_field(line, field);
  impl_->finish(level, line);
}

void Logger::failure(std::string_view message, const Error& error, std::initializer_list<LogField> fields) {
  if (!enabled(LogLevel::error)) return;
  std::string line = begin_line(LogLevel::error, message);
  append_error(line, error);
  for (const LogField& field : fields) append_field(line, field);
  impl_->finish(LogLevel::error, line);
}

void Logger::access(const AccessLine& access) {
  LogLevel level = access.status >= 500 ? LogLevel::error : LogLevel::info;
  if (!enabled(level)) return;
  std::string line = begin_line(level, "request");
  append_text_if(line, "tenant_id", access.tenant_id);
  append_text_if(line, "tenant", access.tenant);
  append_text_if(line, "principal", access.principal);
  append_text_if(line, "trace_id", access.trace_id);
  append_text_if(line, "span_id", access.span_id);
  append_text(line, "method", method_name(access.method));
  append_text(line, "route", access.route);
  append_name(line, "status");
  append_number(line, static_cast<std::int64_t>(access.status));
  append_name(line, "duration_us");
  append_number(line, static_cast<std::int64_t>(access.duration.count()));
  append_name(line, "db_us");
  append_number(line, static_cast<std::int64_t>(access.db.count()));
  append_name(line, "bytes");
  append_number(line, static_cast<std::int64_t>(access.bytes));
  if (access.error != nullptr) append_error(line, *access.error);
  impl_->finish(level, line);
}

void Logger::flush() {
  if (impl_) impl_->logger.flush();
}

}  // namespace bulkhead
