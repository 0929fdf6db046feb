#include "catalog/internal_keys.hpp"

#include <charconv>

namespace bulkhead::catalog {
namespace {

using Time = std::chrono::system_clock::time_point;

std::string unix_seconds(Time when) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(when.time_since_epoch()).count());
}

Result<void> done(Result<Rows> rows) {
  if (rows.has_error()) return rows.error();
  return {};
}

}  // namespace

Result<std::vector<InternalKey>> read_internal_keys(pg::Blocking& connection) {
  BULKHEAD_TRY(
      auto rows,
      connection.query("select kid, private_pem, jwk::text, floor(extract(epoch from signs_from))::bigint "
                       "from catalog.internal_key where ends_at is null or ends_at > now() order by "
                       "signs_from, kid"));
  std::vector<InternalKey> keys;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    InternalKey key;
    key.kid = rows.text(row, 0);
    key.private_pem = rows.text(row, 1);
    key.jwk = rows.text(row, 2);
    const std::string_view from = rows.text(row, 3);
    std::int64_t seconds = 0;
    std::from_chars(from.data(), from.data() + from.size(), seconds);
    key.signs_from = Time(std::chrono::seconds(seconds));
    keys.push_back(std::move(key));
  }
  return keys;
}

Result<std::string> read_internal_jwks(pg::Blocking& connection) {
  BULKHEAD_TRY(auto rows, connection.query(
                              "select jsonb_build_object('keys', coalesce(jsonb_agg(jwk order by signs_from, "
                              "kid), '[]'))::text from catalog.internal_key where ends_at is null or "
                              "ends_at > now()"));
  return std::string(rows.text(0, 0));
}

Result<void> lock_internal_keys(pg::Blocking& admin) {
  return done(admin.query("select pg_advisory_xact_lock(hashtextextended('bulkhead internal keys', 0))"));
}

Result<void> add_internal_key(pg::Blocking& admin, const InternalKey& key) {
  return done(
      admin.query("insert into catalog.internal_key(kid, private_pem, jwk, signs_from) values ($1, $2, "
                  "$3::jsonb, to_timestamp($4::bigint))",
                  {key.kid, key.private_pem, key.jwk, unix_seconds(key.signs_from)}));
}

Result<void> end_internal_keys_before(pg::Blocking& admin, const std::string& successor, Time at) {
  return done(
      admin.query("update catalog.internal_key k set ends_at = to_timestamp($2::bigint) where k.kid <> $1 "
                  "and k.signs_from <= (select s.signs_from from catalog.internal_key s where s.kid = $1) "
                  "and (k.ends_at is null or k.ends_at > to_timestamp($2::bigint))",
                  {successor, unix_seconds(at)}));
}

Result<std::uint64_t> drop_ended_internal_keys(pg::Blocking& admin) {
  BULKHEAD_TRY(auto rows, admin.query("delete from catalog.internal_key where ends_at <= now()"));
  return rows.affected();
}

Result<void> drop_internal_keys_after(pg::Blocking& admin, Time from) {
  return done(admin.query("delete from catalog.internal_key where signs_from > to_timestamp($1::bigint)",
                          {unix_seconds(from)}));
}

}  // namespace bulkhead::catalog
