#include "pg/unit.hpp"

#include <atomic>

namespace bulkhead::pg {
namespace {

std::uint64_t next_shape_id() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

Shape::Shape(std::string sql, std::vector<std::uint32_t> parameter_types)
    : sql_(std::move(sql)), parameter_types_(std::move(parameter_types)), id_(next_shape_id()) {}

void Params::add(std::string_view value) {
  offsets_.push_back(static_cast<std::int64_t>(arena_.size()));
  arena_.append(value);
  arena_.push_back('\0');
}

void Params::add_null() {
  offsets_.push_back(-1);
}

void Params::reserve(std::size_t values, std::size_t bytes) {
  offsets_.reserve(values);
  arena_.reserve(bytes + values);  // Each value carries its NUL.
}

const char* Params::value(std::size_t index) const noexcept {
  const std::int64_t offset = offsets_[index];
  return offset < 0 ? nullptr : arena_.data() + offset;
}

}  // namespace bulkhead::pg
