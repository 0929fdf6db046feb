#pragma once

// Written by `bulkhead codegen` from the database's relations. Do not edit: change a migration, then run it again.
// clang-format off

#include <bulkhead/query.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace recordshop {

/// A tenant table.
struct album_t {
  static constexpr bulkhead::RelationTraits bulkhead_relation{"album", true};
  bulkhead::Column<album_t, "album_id", std::int32_t> album_id;  ///< integer, has a default
  bulkhead::Column<album_t, "title", std::string> title;  ///< text
  bulkhead::Column<album_t, "artist_id", std::int32_t> artist_id;  ///< integer
};
inline constexpr album_t album{};

/// A tenant table.
struct artist_t {
  static constexpr bulkhead::RelationTraits bulkhead_relation{"artist", true};
  bulkhead::Column<artist_t, "artist_id", std::int32_t> artist_id;  ///< integer, has a default
  bulkhead::Column<artist_t, "name", std::string> name;  ///< text
};
inline constexpr artist_t artist{};

/// A tenant table.
struct customer_t {
  static constexpr bulkhead::RelationTraits bulkhead_relation{"customer", true};
  bulkhead::Column<customer_t, "customer_id", std::int32_t> customer_id;  ///< integer, has a default
  bulkhead::Column<customer_t, "first_name", std::string> first_name;  ///< text
  bulkhead::Column<customer_t, "last_name", std::string> last_name;  ///< text
  bulkhead::Column<customer_t, "company", std::optional<std::string>> company;  ///< text
  bulkhead::Column<customer_t, "address", std::optional<std::string>> address;  ///< text
  bulkhead::Column<customer_t, "city", std::optional<std::string>> city;  ///< text
  bulkhead::Column<customer_t, "state", std::optional<std::string>> state;  ///< text
  bulkhead::Column<customer_t, "country", std::optional<std::string>> country;  ///< text
  bulkhead::Column<customer_t, "postal_code", std::optional<std::string>> postal_code;  ///< text
  bulkhead::Column<customer_t, "phone", std::optional<std::string>> phone;  ///< text
  bulkhead::Column<customer_t, "fax", std::optional<std::string>> fax;  ///< text
  bulkhead::Column<customer_t, "email", std::string> email;  ///< text
  bulkhead::Column<customer_t, "support_rep_id", std::optional<std::int32_t>> support_rep_id;  ///< integer
};
inline constexpr customer_t customer{};

/// A tenant table.
struct employee_t {
  static constexpr bulkhead::RelationTraits bulkhead_relation{"employee", true};
  bulkhead::Column<employee_t, "employee_id", std::int32_t> employee_id;  ///< integer, has a default
  bulkhead::Column<employee_t, "last_name", std::string> last_name;  ///< text
  bulkhead::Column<employee_t, "first_name", std::string> first_name;  ///< text
  bulkhead::Column<employee_t, "title", std::optional<std::string>> title;  ///< text
  bulkhead::Column<employee_t, "reports_to", std::optional<std::int32_t>> reports_to;  ///< integer
  bulkhead::Column<employee_t, "birth_date", std::optional<bulkhead::LocalTimestamp>> birth_date;  ///< timestamp without time zone
  bulkhead::Column<employee_t, "hire_date", std::optional<bulkhead::LocalTimestamp>> hire_date;  ///< timestamp without time zone
  bulkhead::Column<employee_t, "address", std::optional<std::string>> address;  ///< text
  bulkhead::Column<employee_t, "city", std::optional<std::string>> city;  ///< text
  bulkhead::Column<employee_t, "state", std::optional<std::string>> state;  ///< text
  bulkhead::Column<employee_t, "country", std::optional<std::string>> country;  ///< text
  bulkhead::Column<employee_t, "postal_code", std::optional<std::string>> postal_code;  ///< text
  bulkhead::Column<employee_t, "phone", std::optional<std::string>> phone;  ///< text
  bulkhead::Column<employee_t, "fax", std::optional<std::string>> fax;  ///< text
  bulkhead::Column<employee_t, "email", std::optional<std::string>> email;  ///< text
};
inline constexpr employee_t employee{};

/// A shared table: read only. Kinds of music, the same for every shop
struct genre_t {
  static constexpr bulkhead::RelationTraits bulkhead_relation{"genre", false};
  bulkhead::Column<genre_t, "genre_id", std::int32_t> genre_id;  ///< integer
  bulkhead::Column<genre_t, "name", std::string> name;  ///< text
};
inline constexpr genre_t genre{};

/// A tenant table.
struct invoice_t {
  static constexpr bulkhead::RelationTraits bulkhead_relation{"invoice", true};
  bulkhead::Column<invoice_t, "invoice_id", std::int32_t> invoice_id;  ///< integer, has a default
  bulkhead::Column<invoice_t, "customer_id", std::int32_t> customer_id;  ///< integer
  bulkhead::Column<invoice_t, "invoice_date", bulkhead::LocalTimestamp> invoice_date;  ///< timestamp without time zone, has a default
  bulkhead::Column<invoice_t, "billing_address", std::optional<std::string>> billing_address;  ///< text
  bulkhead::Column<invoice_t, "billing_city", std::optional<std::string>> billing_city;  ///< text
  bulkhead::Column<invoice_t, "billing_state", std::optional<std::string>> billing_state;  ///< text
  bulkhead::Column<invoice_t, "billing_country", std::optional<std::string>> billing_country;  ///< text
  bulkhead::Column<invoice_t, "billing_postal_code", std::optional<std::string>> billing_postal_code;  ///< text
  bulkhead::Column<invoice_t, "total", bulkhead::Decimal> total;  ///< numeric(10,2)
};
inline constexpr invoice_t invoice{};

/// A tenant table.
struct invoice_line_t {
  static constexpr bulkhead::RelationTraits bulkhead_relation{"invoice_line", true};
  bulkhead::Column<invoice_line_t, "invoice_line_id", std::int32_t> invoice_line_id;  ///< integer, has a default
  bulkhead::Column<invoice_line_t, "invoice_id", std::int32_t> invoice_id;  ///< integer
  bulkhead::Column<invoice_line_t, "track_id", std::int32_t> track_id;  ///< integer
  bulkhead::Column<invoice_line_t, "unit_price", bulkhead::Decimal> unit_price;  ///< numeric(10,2)
  bulkhead::Column<invoice_line_t, "quantity", std::int32_t> quantity;  ///< integer
};
inline constexpr invoice_line_t invoice_line{};

/// A shared table: read only. How a track is delivered, the same for every shop
struct media_type_t {
  static constexpr bulkhead::RelationTraits bulkhead_relation{"media_type", false};
  bulkhead::Column<media_type_t, "media_type_id", std::int32_t> media_type_id;  ///< integer
  bulkhead::Column<media_type_t, "name", std::string> name;  ///< text
};
inline constexpr media_type_t media_type{};

/// A tenant table.
struct playlist_t {
  static constexpr bulkhead::RelationTraits bulkhead_relation{"playlist", true};
  bulkhead::Column<playlist_t, "playlist_id", std::int32_t> playlist_id;  ///< integer, has a default
  bulkhead::Column<playlist_t, "name", std::string> name;  ///< text
};
inline constexpr playlist_t playlist{};

/// A tenant table.
struct playlist_track_t {
  static constexpr bulkhead::RelationTraits bulkhead_relation{"playlist_track", true};
  bulkhead::Column<playlist_track_t, "playlist_id", std::int32_t> playlist_id;  ///< integer
  bulkhead::Column<playlist_track_t, "track_id", std::int32_t> track_id;  ///< integer
};
inline constexpr playlist_track_t playlist_track{};

/// A tenant table.
struct track_t {
  static constexpr bulkhead::RelationTraits bulkhead_relation{"track", true};
  bulkhead::Column<track_t, "track_id", std::int32_t> track_id;  ///< integer, has a default
  bulkhead::Column<track_t, "name", std::string> name;  ///< text
  bulkhead::Column<track_t, "album_id", std::optional<std::int32_t>> album_id;  ///< integer
  bulkhead::Column<track_t, "media_type_id", std::int32_t> media_type_id;  ///< integer
  bulkhead::Column<track_t, "genre_id", std::optional<std::int32_t>> genre_id;  ///< integer
  bulkhead::Column<track_t, "composer", std::optional<std::string>> composer;  ///< text
  bulkhead::Column<track_t, "milliseconds", std::int32_t> milliseconds;  ///< integer
  bulkhead::Column<track_t, "bytes", std::optional<std::int32_t>> bytes;  ///< integer
  bulkhead::Column<track_t, "unit_price", bulkhead::Decimal> unit_price;  ///< numeric(10,2)
};
inline constexpr track_t track{};

}  // namespace recordshop
