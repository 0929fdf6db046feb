#pragma once

#include <array>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "data/plane.hpp"

namespace bulkhead::data {

/// A statement's shape as rendered for one schema, with what is known of it. Lives on one io thread.
struct Prepared {
  std::string schema;
  std::string text, count_text;
  std::vector<std::size_t> guards;
  bool own_guard = false;
  bool writes = false;
  bool read_only = false;
  bool tells_inserted = false, tells_total = false;  ///< As in sql::Rendered.
  std::shared_ptr<const OutputShape>
      output;  ///< Of the request that made it; another may ask for other aliases.

  /// Per role: a cached plan of a table under row-level security is thrown away when the role changes.
  [[nodiscard]] const pg::ShapeRef& shape(Role role);
  [[nodiscard]] const pg::ShapeRef& count_shape(Role role);

  /// How long its units took, as a moving average.
  double mean_us = 0;
  std::uint32_t samples = 0;
  void took(double microseconds) noexcept;

 private:
  std::array<pg::ShapeRef, 4> shapes_, count_shapes_;
};

/// Shapes by their text; bounded, the least recently used go first.
class PlanCache {
 public:
  explicit PlanCache(std::size_t shapes_max) : max_(shapes_max) {}

  /// Takes the rendered statement apart into its shape, kept here, and its parameters.
  [[nodiscard]] Planned plan(sql::Rendered rendered, std::string_view schema);
  [[nodiscard]] std::size_t size() const noexcept { return order_.size(); }

 private:
  using Order = std::list<std::shared_ptr<Prepared>>;

  std::size_t max_;
  Order order_;  // most recently used first
  std::unordered_map<std::string, Order::iterator> by_text_;
};

}  // namespace bulkhead::data
