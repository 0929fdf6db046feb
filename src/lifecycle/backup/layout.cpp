#include "lifecycle/backup/layout.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "base/hex.hpp"

namespace bulkhead::lifecycle::backup {
namespace {

using std::chrono::microseconds;

constexpr std::size_t stamp_size = 22, lsn_digits = 16, epoch_digits = 10;

struct Parts {
  int year = 0;
  unsigned month = 0, day = 0;
  int hour = 0, minute = 0, second = 0, micros = 0;
};

Parts parts_of(Moment moment) {
  const auto day = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date(day);
  const auto in_day = (moment - day).count();
  Parts out;
  out.year = int(date.year());
  out.month = unsigned(date.month());
  out.day = unsigned(date.day());
  out.hour = static_cast<int>(in_day / 3'600'000'000);
  out.minute = static_cast<int>(in_day / 60'000'000 % 60);
  out.second = static_cast<int>(in_day / 1'000'000 % 60);
  out.micros = static_cast<int>(in_day % 1'000'000);
  return out;
}

std::optional<Moment> moment_of(const Parts& parts) {
  const std::chrono::year_month_day date{std::chrono::year(parts.year), std::chrono::month(parts.month),
                                         std::chrono::day(parts.day)};
  if (!date.ok() || parts.hour > 23 || parts.minute > 59 || parts.second > 59) return std::nullopt;
  return Moment(std::chrono::sys_days(date)) + std::chrono::hours(parts.hour) +
         std::chrono::minutes(parts.minute) + std::chrono::seconds(parts.second) + microseconds(parts.micros);
}

/// Digits alone, all of the text.
template <class T>
bool read_number(std::string_view text, T& out, int base = 10) {
  if (text.empty() || text.front() == '-') return false;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, out, base);
  return read.ec == std::errc() && read.ptr == end;
}

bool read_date_and_time(std::string_view text, Parts& out) {
  return text.size() >= 19 && text[4] == '-' && text[7] == '-' && (text[10] == 'T' || text[10] == 't') &&
         text[13] == ':' && text[16] == ':' && read_number(text.substr(0, 4), out.year) &&
         read_number(text.substr(5, 2), out.month) && read_number(text.substr(8, 2), out.day) &&
         read_number(text.substr(11, 2), out.hour) && read_number(text.substr(14, 2), out.minute) &&
         read_number(text.substr(17, 2), out.second);
}

std::optional<int> fraction(std::string_view& text) {
  if (!text.starts_with('.')) return 0;
  std::size_t size = 1;
  while (size < text.size() && text[size] >= '0' && text[size] <= '9') ++size;
  if (size == 1 || size > 7) return std::nullopt;
  std::string digits(text.substr(1, size - 1));
  digits.resize(6, '0');
  int out = 0;
  if (!read_number(digits, out)) return std::nullopt;
  text.remove_prefix(size);
  return out;
}

std::optional<std::chrono::minutes> offset(std::string_view text) {
  if (text == "Z" || text == "z") return std::chrono::minutes(0);
  int hours = 0, minutes = 0;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':' ||
      !read_number(text.substr(1, 2), hours) || !read_number(text.substr(4, 2), minutes) || hours > 23 ||
      minutes > 59)
    return std::nullopt;
  const std::chrono::minutes out(hours * 60 + minutes);
  return text[0] == '-' ? -out : out;
}

std::optional<Moment> moment_from(std::string_view text) {
  Parts parts;
  if (!read_date_and_time(text, parts)) return std::nullopt;
  text.remove_prefix(19);
  const auto micros = fraction(text);
  const auto zone = micros ? offset(text) : std::nullopt;
  if (!zone) return std::nullopt;
  parts.micros = *micros;
  const auto local = moment_of(parts);
  if (!local) return std::nullopt;
  return *local - *zone;
}

/// `20261122T100000.123456`: sorts as time does.
std::string stamp(Moment moment) {
  const Parts at = parts_of(moment);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}.{:06}", at.year, at.month, at.day, at.hour, at.minute,
                     at.second, at.micros);
}

std::optional<Moment> parse_stamp(std::string_view text) {
  Parts parts;
  if (text.size() != stamp_size || text[8] != 'T' || text[15] != '.' ||
      !read_number(text.substr(0, 4), parts.year) || !read_number(text.substr(4, 2), parts.month) ||
      !read_number(text.substr(6, 2), parts.day) || !read_number(text.substr(9, 2), parts.hour) ||
      !read_number(text.substr(11, 2), parts.minute) || !read_number(text.substr(13, 2), parts.second) ||
      !read_number(text.substr(16, 6), parts.micros))
    return std::nullopt;
  return moment_of(parts);
}

std::vector<std::string_view> split(std::string_view key) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0;;) {
    const std::size_t slash = key.find('/', at);
    out.push_back(key.substr(at, slash - at));
    if (slash == std::string_view::npos) return out;
    at = slash + 1;
  }
}

constexpr std::string_view tenants = "tenants", base = "base", journal = "journal", manifest = "manifest";

}  // namespace

std::string moment_text(Moment moment) {
  const Parts at = parts_of(moment);
  const std::string seconds = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", at.year, at.month, at.day,
                                          at.hour, at.minute, at.second);
  return at.micros == 0 ? seconds + "Z" : fmt::format("{}.{:06}Z", seconds, at.micros);
}

Result<Moment> parse_moment(std::string_view text) {
  if (const auto out = moment_from(text)) return *out;
  return Error(Errc::usage, "\"" + std::string(text) + "\" is no time that leaves no doubt")
      .hint("RFC 3339 with its zone: 2026-11-22T10:00:00Z or 2026-11-22T11:00:00.5+01:00");
}

std::string tenant_folder(const TenantId& tenant) {
  return fmt::format("{}/{}/", tenants, tenant.text());
}

BaseName new_base_name(const TenantId& tenant, Moment at) {
  return BaseName{
      tenant, at,
      fmt::format("{}{}/{}-{}/", tenant_folder(tenant), base, stamp(at), Uuid::random().text().substr(0, 8))};
}

SegmentName new_segment_name(const TenantId& tenant, const std::string& cell, const std::string& database,
                             std::uint64_t epoch, pg::Lsn first, Moment at) {
  SegmentName out{tenant, key_part(cell), key_part(database), epoch, first, at, {}};
  out.key = fmt::format("{}{}/{}/{}/{:010}-{:016X}-{}-{}", tenant_folder(tenant), journal, out.cell,
                        out.database, epoch, first, stamp(at), Uuid::random().text().substr(0, 8));
  return out;
}

std::string key_part(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    out += plain ? std::string(1, c) : fmt::format("_{:02x}", static_cast<unsigned char>(c));
  }
  return out;
}

std::optional<TenantId> tenant_of_key(std::string_view key) {
  const auto parts = split(key);
  if (parts.size() < 3 || parts[0] != tenants) return std::nullopt;
  const auto id = Uuid::parse(parts[1]);
  if (!id) return std::nullopt;
  return TenantId(*id);
}

std::optional<BaseName> parse_base_name(std::string_view key) {
  const auto tenant = tenant_of_key(key);
  const auto parts = split(key);
  if (!tenant || parts.size() != 5 || parts[2] != base) return std::nullopt;
  const auto at = parse_stamp(parts[3].substr(0, stamp_size));
  if (!at) return std::nullopt;
  return BaseName{*tenant, *at, std::string(key.substr(0, key.size() - parts[4].size()))};
}

std::optional<SegmentName> parse_segment_name(std::string_view key) {
  const auto tenant = tenant_of_key(key);
  const auto parts = split(key);
  if (!tenant || parts.size() != 6 || parts[2] != journal) return std::nullopt;
  const std::string_view name = parts[5];
  SegmentName out{*tenant, std::string(parts[3]), std::string(parts[4]), 0, 0, {}, std::string(key)};
  constexpr std::size_t lsn_at = epoch_digits + 1, time_at = lsn_at + lsn_digits + 1;
  if (name.size() <= time_at + stamp_size || name[epoch_digits] != '-' || name[time_at - 1] != '-' ||
      !read_number(name.substr(0, epoch_digits), out.epoch) ||
      !read_number(name.substr(lsn_at, lsn_digits), out.first, 16))
    return std::nullopt;
  const auto at = parse_stamp(name.substr(time_at, stamp_size));
  if (!at) return std::nullopt;
  out.at = *at;
  return out;
}

Result<Contents> contents_of(cloud::ObjectStore& store, const TenantId& tenant) {
  Contents out;
  BULKHEAD_TRY(out.objects, store.list(tenant_folder(tenant)));
  std::set<std::string> whole;
  for (const auto& object : out.objects) {
    if (auto segment = parse_segment_name(object.key)) out.segments.push_back(std::move(*segment));
    auto name = parse_base_name(object.key);
    if (!name || object.key != name->folder + std::string(manifest)) continue;
    whole.insert(name->folder);
    out.bases.push_back(std::move(*name));
  }
  for (const auto& object : out.objects) {
    const auto name = parse_base_name(object.key);
    if (name && !whole.contains(name->folder)) out.half_made.push_back(object.key);
  }
  std::sort(out.bases.begin(), out.bases.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  std::sort(out.segments.begin(), out.segments.end(), [](const auto& a, const auto& b) {
    return std::tie(a.epoch, a.cell, a.database, a.first) < std::tie(b.epoch, b.cell, b.database, b.first);
  });
  return out;
}

}  // namespace bulkhead::lifecycle::backup
