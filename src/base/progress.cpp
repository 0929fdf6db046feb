#include "base/progress.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace bulkhead {

namespace {

std::string with_commas(std::uint64_t number) {
  std::string digits = std::to_string(number), out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out.push_back(',');
    out.push_back(digits[i]);
  }
  return out;
}

}  // namespace

std::string progress_line(std::string_view what, std::string_view unit, std::uint64_t done,
                          std::uint64_t total, std::chrono::duration<double> elapsed, std::size_t width) {
  double seconds = std::max(elapsed.count(), 1e-3);
  double rate = static_cast<double>(done) / seconds;
  std::string text = total > 0 ? fmt::format("{} of {} {}", with_commas(done), with_commas(total), unit)
                               : fmt::format("{} {}", with_commas(done), unit);
  text += fmt::format("  {}/s", with_commas(static_cast<std::uint64_t>(rate)));
  double share = total > 0 ? std::min(1.0, static_cast<double>(done) / static_cast<double>(total)) : 1.0;
  if (total > 0 && done > 0 && done < total) {
    auto left = static_cast<std::uint64_t>(std::ceil(static_cast<double>(total - done) / rate));
    text += fmt::format("  {}:{:02} left", left / 60, left % 60);
  }
  std::string head = fmt::format("{}  ", what),
              percent = fmt::format("  {:3.0f} %  ", std::floor(share * 100));
  std::size_t used = head.size() + 2 + percent.size() + text.size();
  std::size_t bar = width > used + 5 ? std::min<std::size_t>(width - used, 40) : 0;
  if (total == 0) return head + text;
  if (bar == 0) return head + percent.substr(2) + text;
  auto full = static_cast<std::size_t>(share * static_cast<double>(bar));
  return head + "[" + std::string(full, '#') + std::string(bar - full, '-') + "]" + percent + text;
}

Progress::Progress(std::string what, std::string unit, std::uint64_t total, std::FILE* out)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      total_(total),
      out_(out),
      terminal_(isatty(fileno(out)) == 1),
      started_(std::chrono::steady_clock::now()),
      shown_(started_) {}

Progress::~Progress() {
  finish();
}

void Progress::update(std::uint64_t done) {
  done_ = done;
  auto pause = terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(5000);
  auto now = std::chrono::steady_clock::now();
  if (now - shown_ < pause) return;
  shown_ = now;
  show();
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  show();
  if (terminal_) std::fputc('\n', out_);
  std::fflush(out_);
}

void Progress::show() {
  std::size_t width = 79;
  winsize size{};
  if (terminal_ && ioctl(fileno(out_), TIOCGWINSZ, &size) == 0 && size.ws_col > 20) width = size.ws_col - 1u;
  std::string line =
      progress_line(what_, unit_, done_, total_, std::chrono::steady_clock::now() - started_, width);
  if (terminal_) {
    std::fprintf(out_, "\r%s\x1b[K", line.c_str());
  } else {
    std::fprintf(out_, "%s\n", line.c_str());
  }
  std::fflush(out_);
}

}  // namespace bulkhead
