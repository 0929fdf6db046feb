#include <charconv>

#include <libpq-fe.h>

#include <bulkhead/rows.hpp>

namespace bulkhead {

Rows::Rows(pg_result* result) noexcept
    : result_(result),
      size_(static_cast<std::size_t>(PQntuples(result))),
      columns_(static_cast<std::size_t>(PQnfields(result))) {}

void Rows::Clear::operator()(pg_result* result) const noexcept {
  PQclear(result);
}

std::string_view Rows::column_name(std::size_t column) const noexcept {
  const char* name = PQfname(result_.get(), static_cast<int>(column));
  return name == nullptr ? std::string_view() : std::string_view(name);
}

std::uint32_t Rows::type_oid(std::size_t column) const noexcept {
  return PQftype(result_.get(), static_cast<int>(column));
}

bool Rows::is_null(std::size_t row, std::size_t column) const noexcept {
  return PQgetisnull(result_.get(), static_cast<int>(row), static_cast<int>(column)) != 0;
}

std::string_view Rows::text(std::size_t row, std::size_t column) const noexcept {
  const int r = static_cast<int>(row), c = static_cast<int>(column);
  const char* value = PQgetvalue(result_.get(), r, c);
  if (value == nullptr) return {};
  return {value, static_cast<std::size_t>(PQgetlength(result_.get(), r, c))};
}

std::uint64_t Rows::affected() const noexcept {
  // libpq returns the command tag's count as text, "" for commands that count nothing.
  const std::string_view text = result_ ? PQcmdTuples(result_.get()) : "";
  std::uint64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

}  // namespace bulkhead
