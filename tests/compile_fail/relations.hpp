#pragma once

// What the cases share: two tenant relations and a shared one, as `bulkhead codegen` would write them.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <bulkhead/app.hpp>
#include <bulkhead/query.hpp>

namespace shop {

struct track_t {
  static constexpr bulkhead::RelationTraits bulkhead_relation{"track", true};
  bulkhead::Column<track_t, "track_id", std::int32_t> track_id;
  bulkhead::Column<track_t, "name", std::string> name;
  bulkhead::Column<track_t, "album_id", std::optional<std::int32_t>> album_id;
  bulkhead::Column<track_t, "unit_price", bulkhead::Decimal> unit_price;
  bulkhead::Column<track_t, "rank", std::int64_t, bulkhead::Access::read_only> rank;
};
inline constexpr track_t track{};

struct album_t {
  static constexpr bulkhead::RelationTraits bulkhead_relation{"album", true};
  bulkhead::Column<album_t, "album_id", std::int32_t> album_id;
  bulkhead::Column<album_t, "title", std::string> title;
};
inline constexpr album_t album{};

struct genre_t {
  static constexpr bulkhead::RelationTraits bulkhead_relation{"genre", false};
  bulkhead::Column<genre_t, "genre_id", std::int32_t> genre_id;
  bulkhead::Column<genre_t, "name", std::string> name;
};
inline constexpr genre_t genre{};

}  // namespace shop

using namespace bulkhead;
using namespace shop;
