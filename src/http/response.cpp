#include "http/response.hpp"

#include <array>
#include <charconv>

namespace bulkhead::http {

namespace {

void append_number(std::string& out, std::size_t number) {
  std::array<char, 20> digits{};
  auto [end, problem] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

void append_two(std::string& out, unsigned number) {
  out.push_back(static_cast<char>('0' + number / 10 % 10));
  out.push_back(static_cast<char>('0' + number % 10));
}

bool clean(std::string_view text) noexcept {
  for (char c : text)
    if (c == '\r' || c == '\n' || c == '\0') return false;
  return true;
}

}  // namespace

std::string http_date(std::chrono::sys_seconds time) {
  static constexpr std::string_view days = "SunMonTueWedThuFriSat",
                                    months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  auto day = std::chrono::floor<std::chrono::days>(time);
  std::chrono::year_month_day date(day);
  std::chrono::hh_mm_ss clock(time - day);
  std::string out;
  out.reserve(29);
  out.append(days.substr(std::chrono::weekday(day).c_encoding() * 3, 3)).append(", ");
  append_two(out, static_cast<unsigned>(date.day()));
  out.push_back(' ');
  out.append(months.substr((static_cast<unsigned>(date.month()) - 1) * 3, 3)).push_back(' ');
  append_two(out, static_cast<unsigned>(static_cast<int>(date.year())) / 100);
  append_two(out, static_cast<unsigned>(static_cast<int>(date.year())) % 100);
  out.push_back(' ');
  append_two(out, static_cast<unsigned>(clock.hours().count()));
  out.push_back(':');
  append_two(out, static_cast<unsigned>(clock.minutes().count()));
  out.push_back(':');
  append_two(out, static_cast<unsigned>(clock.seconds().count()));
  return out.append(" GMT");
}

bool well_formed(const Response& response) noexcept {
  if (response.status < 200 || response.status > 599 || !clean(response.content_type)) return false;
  for (const auto& [name, value] : response.headers)
    if (name.empty() || !clean(name) || !clean(value)) return false;
  return true;
}

bool append_response_head(std::string& out, const Response& response, const Framing& framing,
                          std::string_view date) {
  bool bodiless = response.status == 204 || response.status == 304;
  out.append("HTTP/1.1 ");
  append_number(out, response.status);
  out.push_back(' ');
  out.append(reason_phrase(response.status)).append("\r\nDate: ").append(date).append("\r\n");
  if (!response.content_type.empty())
    out.append("Content-Type: ").append(response.content_type).append("\r\n");
  for (const auto& [name, value] : response.headers)
    out.append(name).append(": ").append(value).append("\r\n");
  if (!framing.keep_alive)
    out.append("Connection: close\r\n");
  else if (!framing.http11)
    out.append("Connection: keep-alive\r\n");
  if (framing.stream) {
    if (!bodiless && framing.http11) out.append("Transfer-Encoding: chunked\r\n");
  } else if (!bodiless) {
    out.append("Content-Length: ");
    append_number(out, response.body.size());
    out.append("\r\n");
  }
  out.append("\r\n");
  return !bodiless && !framing.head && !response.body.empty();
}

}  // namespace bulkhead::http
