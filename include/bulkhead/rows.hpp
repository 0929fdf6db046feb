#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

extern "C" {
struct pg_result;
}

namespace bulkhead {

/// What one statement returned. Owns the result; moves, does not copy. Values are PostgreSQL's text form and
/// live as long as the Rows. Read from one thread at a time.
class Rows {
 public:
  Rows() = default;
  /// Takes ownership of a libpq result. The rooms above `pg` never see one.
  explicit Rows(pg_result* result) noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t columns() const noexcept { return columns_; }
  [[nodiscard]] std::string_view column_name(std::size_t column) const noexcept;
  [[nodiscard]] std::uint32_t type_oid(std::size_t column) const noexcept;
  [[nodiscard]] bool is_null(std::size_t row, std::size_t column) const noexcept;
  /// Empty for null.
  [[nodiscard]] std::string_view text(std::size_t row, std::size_t column) const noexcept;
  /// Rows that an INSERT, UPDATE or DELETE touched (the command tag's count); for SELECT the number of rows.
  [[nodiscard]] std::uint64_t affected() const noexcept;

 private:
  struct Clear {
    void operator()(pg_result* result) const noexcept;
  };
  std::unique_ptr<pg_result, Clear> result_;
  std::size_t size_ = 0, columns_ = 0;
};

}  // namespace bulkhead
