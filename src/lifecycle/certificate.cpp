#include "lifecycle/certificate.hpp"

#include "base/json.hpp"
#include "lifecycle/digest.hpp"

namespace bulkhead::lifecycle {
namespace {

constexpr const char* key_name = "certificate_key";

/// Whoever comes first makes it; the others read the same.
Result<SigningKey> load_or_make(pg::Blocking& catalog) {
  const auto read = [&] {
    return catalog.query("select secret from catalog.credential where name = $1", {key_name});
  };
  BULKHEAD_TRY(auto rows, read());
  if (rows.empty()) {
    BULKHEAD_TRY(const SigningKey made, SigningKey::generate());
    BULKHEAD_TRY(const std::string pem, made.private_pem());
    BULKHEAD_TRY(
        auto kept,
        catalog.query("insert into catalog.credential(name, secret) values ($1, $2) on conflict do nothing",
                      {key_name, pem}));
    BULKHEAD_TRY(rows, read());
  }
  return SigningKey::from_pem(std::string(rows.text(0, 0)));
}

Result<boost::json::object> object_of(std::string_view text) {
  BULKHEAD_TRY(boost::json::value value, parse_json(text));
  if (!value.is_object()) return Error(Errc::token_malformed, "this is no certificate");
  return std::move(value.get_object());
}

}  // namespace

Result<std::string> certificate_key(pg::Blocking& catalog) {
  BULKHEAD_TRY(const SigningKey key, load_or_make(catalog));
  return key.public_pem();
}

Result<std::string> sign_statement(pg::Blocking& catalog, std::string_view statement) {
  BULKHEAD_TRY(const SigningKey key, load_or_make(catalog));
  return key.sign(statement);
}

Result<boost::json::object> find_certificate(pg::Blocking& catalog, const std::string& id_or_slug) {
  BULKHEAD_TRY(
      auto rows,
      catalog.query("select statement, jws from catalog.deletion where tenant_id::text = $1 or slug = $1 "
                    "order by made_at desc limit 1",
                    {id_or_slug}));
  if (rows.empty())
    return Error(Errc::not_found, "there is no certificate that \"" + id_or_slug + "\" was deleted");
  boost::json::object out;
  BULKHEAD_TRY(out["statement"], object_of(rows.text(0, 0)));
  out["jws"] = std::string(rows.text(0, 1));
  return out;
}

Result<boost::json::object> verify_certificate(std::string_view text, const std::string& public_pem) {
  BULKHEAD_TRY(const auto certificate, object_of(text));
  const auto* jws = certificate.if_contains("jws");
  const auto* statement = certificate.if_contains("statement");
  if (jws == nullptr || !jws->is_string() || statement == nullptr)
    return Error(Errc::token_malformed, "this is no certificate: it has no statement, or no jws");
  BULKHEAD_TRY(const std::string payload, verified_payload(jws->get_string(), public_pem));
  BULKHEAD_TRY(auto is_signed, object_of(payload));
  if (boost::json::value(is_signed) != *statement)
    return Error(Errc::token_signature, "the statement is not the one that was signed");
  return is_signed;
}

}  // namespace bulkhead::lifecycle
