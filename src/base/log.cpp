#include "base/log.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.hpp"

namespace bulkhead {

namespace {

constexpr std::chrono::milliseconds flush_every{200};
constexpr std::size_t flush_above = 64 * 1024;
/// Lines that nobody takes are kept up to this, then lost.
constexpr std::size_t most_gathered = 4 * 1024 * 1024;
/// How long the end waits for a reader that takes nothing.
constexpr std::chrono::milliseconds last_patience{1000};

void append_timestamp(std::string& out, std::chrono::system_clock::time_point now);

/// Where lines are gathered, and the thread that writes them. Whoever logs only appends: a reader that stalls
/// (a pipe, a terminal, a full disk) costs lines, never a request. Shared with the thread, which may hang in a
/// write for longer than anybody waits for it.
class Outlet : public std::enable_shared_from_this<Outlet> {
 public:
  Outlet(int descriptor, bool owned) : descriptor_(descriptor), owned_(owned) {
    struct stat about{};
    regular_file_ = ::fstat(descriptor, &about) == 0 && S_ISREG(about.st_mode);
  }
  Outlet(const Outlet&) = delete;
  Outlet& operator=(const Outlet&) = delete;
  ~Outlet() {
    if (owned_) ::close(descriptor_);
  }

  void append(std::string_view line) {
    std::lock_guard lock(mutex_);
    if (gathered_.size() + being_written_ + line.size() >= most_gathered) {
      ++lost_;
      return;
    }
    gathered_.append(line);
    gathered_.push_back('\n');
    if (gathered_.size() >= flush_above) hurry();
  }

  /// Has what is gathered written soon; does not wait for it.
  void write_soon() {
    std::lock_guard lock(mutex_);
    hurry();
  }

  /// Waits until what was gathered so far is written or lost, but no longer than that.
  bool wait_written(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    hurry();
    return written_.wait_for(lock, patience, [&] { return gathered_.empty() && being_written_ == 0; });
  }

  void stop() {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    give_up_at_ = std::chrono::steady_clock::now() + last_patience;
    hurry();
  }
  /// Whether the thread has ended, which it does within that time unless it hangs in a write.
  bool wait_stopped(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    return written_.wait_for(lock, patience, [&] { return stopped_; });
  }

  /// The thread.
  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_ || !gathered_.empty()) {
      if (!stopping_) work_.wait_for(lock, flush_every, [&] { return hurry_; });
      hurry_ = false;
      std::string batch;
      batch.swap(gathered_);
      const std::uint64_t untold = lost_ - told_;
      if (untold > 0) append_loss(batch, untold);
      if (batch.empty()) continue;
      being_written_ = batch.size();
      lock.unlock();
      const std::size_t unwritten = write(batch);
      lock.lock();
      being_written_ = 0;
      // What says that lines were lost stands last and is no such line itself: when it is lost, it is still to be said.
      if (unwritten == 0)
        told_ += untold;
      else
        lost_ += unwritten - (untold > 0 ? 1 : 0);
      written_.notify_all();
    }
    stopped_ = true;
    written_.notify_all();
  }

  [[nodiscard]] std::uint64_t lost() const {
    std::lock_guard lock(mutex_);
    return lost_;
  }

 private:
  void hurry() {
    hurry_ = true;
    work_.notify_one();
  }

  /// The log itself says what it lacks, as soon as it is read again.
  static void append_loss(std::string& batch, std::uint64_t lines) {
    batch.append("{\"ts\":\"");
    append_timestamp(batch, std::chrono::system_clock::now());
    batch.append("\",\"level\":\"warn\",\"msg\":\"log lines were lost\",\"lines\":");
    batch.append(std::to_string(lines)).append("}\n");
  }

  /// How many lines could not be written.
  std::size_t write(std::string_view batch) {
    while (!batch.empty()) {
      if (!wait_writable()) break;
      std::string_view piece = batch.substr(0, piece_length(batch));
      ssize_t count = ::write(descriptor_, piece.data(), piece.size());
      if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (count <= 0) break;  // A full disk or a closed pipe.
      batch.remove_prefix(static_cast<std::size_t>(count));
    }
    return static_cast<std::size_t>(std::count(batch.begin(), batch.end(), '\n'));
  }

  /// A file takes everything. A pipe that is writable takes PIPE_BUF bytes without blocking, and such a piece,
  /// of whole lines where they fit, is not mixed with what other processes write.
  [[nodiscard]] std::size_t piece_length(std::string_view batch) const {
    if (regular_file_ || batch.size() <= PIPE_BUF) return batch.size();
    std::size_t end = batch.rfind('\n', PIPE_BUF - 1);
    return end == std::string_view::npos ? PIPE_BUF : end + 1;
  }

  /// False once nobody waits any more.
  bool wait_writable() {
    if (regular_file_) return true;
    pollfd ready{descriptor_, POLLOUT, 0};
    while (::poll(&ready, 1, static_cast<int>(flush_every.count())) <= 0) {
      std::lock_guard lock(mutex_);
      if (stopping_ && std::chrono::steady_clock::now() >= give_up_at_) return false;
    }
    return true;  // Or broken, which the write will tell.
  }

  int descriptor_;
  bool owned_, regular_file_ = false;
  mutable std::mutex mutex_;
  std::condition_variable work_, written_;
  std::string gathered_;
  std::size_t being_written_ = 0;      ///< Bytes, as they were before the write.
  std::uint64_t lost_ = 0, told_ = 0;  ///< Lines.
  bool hurry_ = false, stopping_ = false, stopped_ = false;
  std::chrono::steady_clock::time_point give_up_at_;
};

/// spdlog's end of an outlet.
class LineSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit LineSink(std::shared_ptr<Outlet> outlet) : outlet_(std::move(outlet)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& line) override {
    outlet_->append({line.payload.data(), line.payload.size()});
  }
  void flush_() override { outlet_->write_soon(); }

  std::shared_ptr<Outlet> outlet_;
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
  Impl(int descriptor, bool owned, LogLevel at_least)
      : outlet(std::make_shared<Outlet>(descriptor, owned)),
        logger("bulkhead", std::make_shared<LineSink>(outlet)),
        writer([outlet = outlet] { outlet->run(); }) {
    logger.set_level(spdlog_level(at_least));
    logger.flush_on(spdlog::level::warn);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    outlet->stop();
    if (outlet->wait_stopped(2 * last_patience))
      writer.join();
    else
      writer.detach();  // It holds the outlet and nothing else.
  }

  void finish(LogLevel level, std::string& line) {
    line.push_back('}');
    logger.log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
  }

  std::shared_ptr<Outlet> outlet;
  spdlog::logger logger;
  std::thread writer;
};

Logger::Logger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Logger::Logger(Logger&&) noexcept = default;
Logger& Logger::operator=(Logger&&) noexcept = default;
Logger::~Logger() = default;

Logger::Logger(LogLevel at_least) : impl_(std::make_unique<Impl>(STDERR_FILENO, false, at_least)) {}

Result<Logger> Logger::to_file(const std::filesystem::path& file, LogLevel at_least) {
  int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (descriptor < 0)
    return Error(Errc::environment,
                 "cannot write the log file " + file.string() + ": " + std::strerror(errno));
  return Logger(std::make_unique<Impl>(descriptor, true, at_least));
}

Logger Logger::to_descriptor(int descriptor, LogLevel at_least) {
  return Logger(std::make_unique<Impl>(descriptor, false, at_least));
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
  append_text_if(line, "acting", access.acting);
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
  if (impl_) static_cast<void>(impl_->outlet->wait_written(last_patience));
}

std::uint64_t Logger::lost_lines() const {
  return impl_ ? impl_->outlet->lost() : 0;
}

}  // namespace bulkhead
