#pragma once

#include <array>
#include <list>
#include <optional>
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

/// Shapes by their text, and texts by the fingerprint of the statements that they were rendered from, so that a statement of a
/// known shape is not rendered again. Both are bounded, the least recently used go first.
class PlanCache {
 public:
  explicit PlanCache(std::size_t shapes_max) : max_(shapes_max) {}

  /// What a statement of this fingerprint was rendered to, with the values of this one; nullopt: render it.
  [[nodiscard]] std::optional<Planned> known(const sql::Fingerprint& asked, const sql::Relations& relations,
                                             std::string_view schema, std::string_view tenant);
  /// Takes the rendered statement apart into its shape and its parameters, and keeps the shape. `asked` is the statement's
  /// fingerprint, and both are of the statement as it is.
  [[nodiscard]] Planned plan(const sql::Fingerprint& asked, const sql::Relations& relations,
                             sql::Rendered rendered, std::string_view schema);
  [[nodiscard]] std::size_t size() const noexcept { return order_.size(); }
  /// How many statements were rendered, as they were not known.
  [[nodiscard]] std::uint64_t rendered() const noexcept { return rendered_; }

 private:
  /// Where the values of a text's parameters come from: the tenant, a constant, or a value of the statement by its place in
  /// the fingerprint.
  struct Source {
    enum class Kind : std::uint8_t { tenant, constant, value } kind = Kind::tenant;
    std::size_t place = 0;
    statement::Value constant;
  };
  using Sources = std::vector<Source>;
  struct Known {
    std::string key;
    std::shared_ptr<Prepared> prepared;
    std::shared_ptr<const OutputShape> output;
    Sources params, count_params;
  };
  using Order = std::list<std::shared_ptr<Prepared>>;
  using KnownOrder = std::list<Known>;

  [[nodiscard]] Planned shaped(sql::Rendered rendered, std::string_view schema);
  [[nodiscard]] static std::optional<Sources> sources_of(
      const sql::Fingerprint& asked, const pg::Params& params, bool tenant_param,
      const std::vector<std::optional<sql::ValueRef>>& sources);
  [[nodiscard]] static pg::Params params_of(const Sources& sources, const sql::Fingerprint& asked,
                                            std::string_view tenant);

  std::size_t max_;
  Order order_;  // most recently used first
  std::unordered_map<std::string, Order::iterator> by_text_;
  KnownOrder known_order_;                                            // likewise
  std::unordered_map<std::string_view, KnownOrder::iterator> known_;  // the keys are the entries' own
  std::uint64_t rendered_ = 0;
};

}  // namespace bulkhead::data
