#include "migrate/target.hpp"

#include <algorithm>
#include <charconv>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/failpoint.hpp"
#include "base/hex.hpp"
#include "migrate/bootstrap_steps.hpp"
#include "migrate/sha256.hpp"
#include "migrate/sql_files.hpp"

namespace bulkhead::migrate {
namespace {

using catalog::DatabaseKind;

constexpr std::int64_t kKeyOverlapSeconds = 3600;

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

/// The files that the catalog's database is made of, with the one login in the place of its two.
std::string for_login(std::string sql, const std::string& login) {
  replace_all(sql, "bulkhead_login", login);
  replace_all(sql, "bulkhead_catalog", login);
  return sql;
}

/// The look as a function, so that a server leaves out what is no longer fit, and what it asks for.
std::string adopted_sql() {
  return "create or replace function bulkhead.adopt_look(text, text, text[], text[], text[]) returns "
         "table(rule "
         "text, level text, relation text, about text, problem text, advice text, mends text) language sql "
         "stable "
         "set search_path = pg_catalog, pg_temp as $look$\n" +
         std::string(sql_file("15_adopt_look")) + "$look$;\n" + std::string(sql_file("15_adopted"));
}

/// What is installed in a database: by the administrator, and then by bulkhead_system.
struct Parts {
  std::string admin, system, digest;
};

Parts parts_of(DatabaseKind kind, const std::string& login, BindingMode binding) {
  const bool shard = kind == DatabaseKind::shard, adopted = kind == DatabaseKind::adopted;
  const std::string tenant_id = "04_tenant_id_" + std::string(binding_name(binding));
  Parts out;
  out.admin = for_login(adopted ? sql_files({"01_roles", "15_adopt_prelude", "15_adopted_admin"})
                        : shard ? sql_files({"01_roles", "01_everybody"})
                                : sql_files({"01_roles", "01_everybody", "01_schema_app"}),
                        login);
  out.system = for_login(
      adopted ? sql_files({"03_bulkhead", tenant_id, "05_migrations", "16_journal"}) + adopted_sql()
      : shard ? sql_files({"03_bulkhead", tenant_id, "05_migrations", "16_journal"})
              : sql_files({"03_bulkhead", "03_target_app", tenant_id, "05_migrations", "16_journal"}),
      login);
  out.digest = sha256_hex(out.admin + out.system);
  return out;
}

/// The name stands in SQL as it is.
Result<void> check_login(pg::Blocking& admin, const std::string& login) {
  BULKHEAD_TRY(auto plain, admin.query("select quote_ident($1) = $1 and length($1) < 64", {login}));
  const bool named_so = login.starts_with("bulkhead_pool_") || login.starts_with("bulkhead_shard_") ||
                        login.starts_with("bulkhead_silo_") || login.starts_with("bulkhead_adopt_");
  const bool ours =
      (login.starts_with("bulkhead_") && !named_so) || login.starts_with("app_") || login.starts_with("pg_");
  if (plain.text(0, 0) == "t" && !ours) return {};
  return Error(Errc::usage, "\"" + login + "\" cannot be the name of a database's login")
      .hint("a-z, 0-9 and _, beginning with a letter, at most 63, not bulkhead_…, app_… or pg_…");
}

Error not_a_schema(const std::string& schema) {
  return Error(Errc::usage, "\"" + schema + "\" is not the name of a tenant's schema")
      .hint("t_ and 16 hex digits");
}

Result<bool> password_works(pg::Blocking& admin, const std::string& login, const std::string& password) {
  if (password.empty()) return false;
  BULKHEAD_TRY(const bool has, has_settings(admin, login));
  return !has && admin.another({{"user", login}, {"password", password}}).has_value();
}

/// hex(HMAC-SHA-256(secret, message)), as bulkhead.mac makes it.
std::string mac_of(const std::string& secret, std::string_view message) {
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(), mac, &size);
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (unsigned int i = 0; i < size; ++i) {
    out += digits[mac[i] >> 4U];
    out += digits[mac[i] & 15U];
  }
  return out;
}

/// The newest key of the database is the one that is known.
Result<bool> key_holds(pg::Blocking& admin, const DatabaseSecrets& known) {
  const auto secret = from_hex(known.binding_secret);
  if (known.binding_key_id <= 0 || !secret || secret->size() != 32) return false;
  BULKHEAD_TRY(auto rows, admin.query("select bulkhead.mac($1, 'known') from bulkhead.binding_key "
                                      "where id = $1 and not_after = 'infinity'",
                                      {std::to_string(known.binding_key_id)}));
  return !rows.empty() && rows.text(0, 0) == mac_of(*secret, "known");
}

Result<void> install(pg::Blocking& admin, const Parts& parts, const std::string& login, BindingMode binding) {
  BULKHEAD_TRY(const auto now, installed_digest(admin));
  if (now == parts.digest) return {};
  BULKHEAD_CHECK(admin.execute(parts.admin));
  BULKHEAD_CHECK(admin.execute("set local role bulkhead_system"));
  BULKHEAD_CHECK(admin.execute(parts.system));
  BULKHEAD_CHECK(note_installed(admin, parts.digest, binding, login));
  return admin.execute("reset role");
}

Result<std::string> renew_login(pg::Blocking& admin, const std::string& login) {
  BULKHEAD_CHECK(admin.execute(sql_file("07_login")));
  BULKHEAD_TRY(auto rows, admin.query("select pg_temp.renew_login($1)", {login}));
  BULKHEAD_CHECK(admin.execute("drop function pg_temp.renew_login(text)"));
  return std::string(rows.text(0, 0));
}

Result<void> with_schema(pg::Blocking& admin, const std::string& login, const std::string& schema,
                         std::string_view file) {
  return in_bootstrap_transaction(admin, [&]() -> Result<void> {
    BULKHEAD_TRY(auto set, admin.query("select set_config('bulkhead.schema', $1, true), "
                                       "set_config('bulkhead.login', $2, true)",
                                       {schema, login}));
    return admin.execute(sql_file(file));
  });
}

}  // namespace

Result<DatabaseSecrets> prepare_database(pg::Blocking& admin, DatabaseKind kind, const std::string& login,
                                         BindingMode binding, const DatabaseSecrets& known) {
  BULKHEAD_CHECK(check_login(admin, login));
  const Parts parts = parts_of(kind, login, binding);
  BULKHEAD_TRY(const bool works, password_works(admin, login, known.password));
  BULKHEAD_TRY(const auto now, installed_digest(admin));
  if (works && now == parts.digest) {
    BULKHEAD_TRY(const bool holds, key_holds(admin, known));
    if (holds) return known;
  }
  DatabaseSecrets secrets = known;
  const auto change = [&]() -> Result<void> {
    BULKHEAD_CHECK(lock_bootstrap(admin));
    BULKHEAD_CHECK(install(admin, parts, login, binding));
    failpoint("migrate.database.installed");
    BULKHEAD_TRY(const bool holds, key_holds(admin, known));
    if (!holds) {
      BULKHEAD_TRY(secrets, make_binding_key(admin, kKeyOverlapSeconds, known.binding_key_id));
      secrets.password = known.password;
    }
    if (works) return {};
    BULKHEAD_TRY(secrets.password, renew_login(admin, login));
    return {};
  };
  BULKHEAD_CHECK(in_bootstrap_transaction(admin, change));
  failpoint("migrate.database.committed");
  return secrets;
}

Result<bool> is_prepared(pg::Blocking& admin, DatabaseKind kind, const std::string& login,
                         BindingMode binding) {
  BULKHEAD_TRY(const auto now, installed_digest(admin));
  return now == parts_of(kind, login, binding).digest;
}

Result<DatabaseSecrets> make_binding_key(pg::Blocking& admin, std::int64_t overlap_seconds,
                                         std::int32_t former_id) {
  BULKHEAD_TRY(auto rows,
               admin.query("select id, secret from bulkhead.make_binding_key(make_interval(secs => $1), $2)",
                           {std::to_string(overlap_seconds), std::to_string(former_id)}));
  DatabaseSecrets out;
  const auto id = rows.text(0, 0);
  std::from_chars(id.data(), id.data() + id.size(), out.binding_key_id);
  out.binding_secret = rows.text(0, 1);
  return out;
}

bool is_tenant_schema(std::string_view name) noexcept {
  return name.size() == 18 && name.starts_with("t_") && std::all_of(name.begin() + 2, name.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Result<void> prepare_schema(pg::Blocking& admin, const std::string& login, const std::string& schema) {
  if (!is_tenant_schema(schema)) return not_a_schema(schema);
  BULKHEAD_CHECK(check_login(admin, login));
  BULKHEAD_CHECK(with_schema(admin, login, schema, "11_schema_made"));
  failpoint("migrate.schema.made");
  return {};
}

Result<void> drop_schema(pg::Blocking& admin, const std::string& schema) {
  if (!is_tenant_schema(schema)) return not_a_schema(schema);
  BULKHEAD_CHECK(with_schema(admin, "", schema, "12_schema_dropped"));
  failpoint("migrate.schema.dropped");
  return {};
}

}  // namespace bulkhead::migrate
