#include "runtime/dev_identity.hpp"

#include <fmt/format.h>

namespace bulkhead::runtime {

namespace {

Task<Response> document(std::string body) {
  Response response;
  response.content_type = "application/json";
  response.body = std::move(body);
  co_return response;
}

}  // namespace

Result<identity::SigningKey> load_or_make_dev_issuer(pg::Blocking& admin) {
  BULKHEAD_TRY(Rows known,
               admin.query("select private_pem from catalog.dev_issuer_key order by made_at desc limit 1"));
  if (!known.empty()) return identity::SigningKey::from_pem(known.text(0, 0));
  BULKHEAD_TRY(identity::SigningKey made, identity::SigningKey::generate());
  BULKHEAD_TRY(std::string pem, made.private_pem());
  BULKHEAD_TRY(Rows stored,
               admin.query("insert into catalog.dev_issuer_key (kid, private_pem) values ($1, $2)",
                           {made.kid(), pem}));
  static_cast<void>(stored);
  return made;
}

Result<void> remember_dev_issuer(pg::Blocking& admin, const std::string& issuer_url) {
  // One statement, so that nobody sees the address without the identities.
  auto moved = admin.query(
      "with former as (select value from catalog.setting where name = 'dev_issuer' and value <> $1),"
      " moved as (update catalog.identity set issuer = $1 where issuer in (select value from former)),"
      " operators as (update catalog.operator set issuer = $1 where issuer in (select value from former))"
      " insert into catalog.setting (name, value) values ('dev_issuer', $1)"
      " on conflict (name) do update set value = excluded.value where setting.value <> excluded.value",
      {issuer_url});
  if (moved.has_error()) return moved.error();
  return {};
}

Result<std::string> dev_issuer_url(pg::Blocking& admin) {
  BULKHEAD_TRY(Rows known, admin.query("select value from catalog.setting where name = 'dev_issuer'"));
  if (known.empty())
    return Error(Errc::not_found, "there is no development issuer in this database")
        .hint(
            "`bulkhead dev APP` makes it at its first start; a served database takes tokens of its own "
            "issuers only");
  return std::string(known.text(0, 0));
}

std::string dev_issuer_url(std::uint16_t port) {
  return fmt::format("http://localhost:{}/dev/issuer", port);
}

std::vector<OpenRoute> dev_issuer_routes(const identity::SigningKey& issuer, std::uint16_t port) {
  auto route = [](std::string path, std::string body) {
    OpenRoute open;
    open.path = std::move(path);
    open.loopback_only = true;
    open.handler = [body = std::move(body)](const Request&) { return document(body); };
    return open;
  };
  std::vector<OpenRoute> routes;
  routes.push_back(
      route("/dev/issuer/.well-known/openid-configuration", issuer.discovery(dev_issuer_url(port))));
  routes.push_back(route("/dev/issuer/jwks.json", issuer.jwks()));
  return routes;
}

identity::IssuerSettings dev_issuer_settings(const identity::SigningKey& issuer, std::uint16_t port) {
  identity::IssuerSettings settings;
  settings.name = "dev";
  settings.issuer = dev_issuer_url(port);
  settings.audiences = {std::string(dev_audience)};
  settings.static_jwks = issuer.jwks();
  settings.allow_http = true;
  return settings;
}

}  // namespace bulkhead::runtime
