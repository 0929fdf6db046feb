#include "migrate/bootstrap.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <string_view>
#include <thread>

#include "base/hex.hpp"
#include "migrate/bootstrap_steps.hpp"
#include "migrate/sha256.hpp"
#include "migrate/sql_files.hpp"

namespace bulkhead::migrate {
namespace {

/// Raised when a database of this version can no longer be served by a program of the version before.
constexpr int kVersion = 1;

/// The parts that the administrator runs, then those that bulkhead_system runs, in order.
std::string admin_sql() {
  return sql_files({"01_roles", "01_everybody", "01_schema_app", "01_schema_catalog"});
}
std::string system_sql(BindingMode mode) {
  const std::string tenant_id = "04_tenant_id_" + std::string(binding_name(mode));
  return sql_files({"02_catalog", "03_bulkhead", "03_target_app", tenant_id, "05_migrations", "06_operator",
                    "11_operations", "12_audit", "13_control", "14_services", "15_adopted_catalog",
                    "16_journal", "17_events", "18_backup", "19_operations_told"});
}

/// Another server that bootstraps another database of the same cluster may touch the same roles at the same
/// time.
bool worth_repeating(const Error& error) {
  const auto state = error.sqlstate();
  return state == "XX000" || state == "23505" || state == "42710" || state == "40001" || state == "40P01";
}

/// Takes over the passwords of another database of this cluster that keeps them: there is one bulkhead_login a cluster,
/// and a password of its own for this database would lock that one's servers out. Runs after the schema catalog is
/// there.
Result<void> share_passwords(pg::Blocking& admin) {
  BULKHEAD_TRY(
      auto keeper,
      admin.query(
          "select d.datname from pg_catalog.pg_roles r join pg_catalog.pg_database d on 'Bulkhead: "
          "passwords in database ' || d.datname = shobj_description(r.oid, 'pg_authid') where r.rolname "
          "= 'bulkhead_login' and d.datname <> current_database()"));
  if (keeper.empty()) return {};
  const std::string name(keeper.text(0, 0));
  const auto read = [&]() -> Result<Rows> {
    BULKHEAD_TRY(auto other, admin.another({{"dbname", name}}));
    return other.query("select name, secret from catalog.credential where name like 'password:%'");
  };
  auto passwords = read();
  if (passwords.has_error()) {
    BULKHEAD_TRY(auto own,
                 admin.query("select from catalog.credential where name = 'password:bulkhead_login'"));
    if (!own.empty()) return {};
    return Error(Errc::config_invalid,
                 "the database \"" + name +
                     "\" of this PostgreSQL server has a Bulkhead as well and keeps the passwords of "
                     "the common logins, but they cannot be read there")
        .hint("set this database up with an administrator who may connect to that one, too")
        .internal(std::string(passwords.error().message()));
  }
  for (std::size_t i = 0; i < passwords->size(); ++i) {
    BULKHEAD_TRY(auto written,
                 admin.query("insert into catalog.credential as c (name, secret) values ($1, $2) on "
                             "conflict (name) do update set secret = excluded.secret",
                             {std::string(passwords->text(i, 0)), std::string(passwords->text(i, 1))}));
  }
  return {};
}

/// The logins work with the passwords that are kept, and nobody has given them settings.
Result<bool> logins_work(pg::Blocking& admin, const Credentials& credentials) {
  BULKHEAD_TRY(const bool login_has, has_settings(admin, "bulkhead_login"));
  BULKHEAD_TRY(const bool catalog_has, has_settings(admin, "bulkhead_catalog"));
  if (login_has || catalog_has) return false;
  return admin.another({{"user", "bulkhead_login"}, {"password", credentials.login_password}}).has_value() &&
         admin.another({{"user", "bulkhead_catalog"}, {"password", credentials.catalog_password}})
             .has_value();
}

Result<void> give_passwords_again(pg::Blocking& admin) {
  BULKHEAD_CHECK(lock_bootstrap(admin));
  BULKHEAD_CHECK(share_passwords(admin));
  return admin.execute(sql_file("07_credentials"));
}

Result<void> apply(pg::Blocking& admin, BindingMode mode, const std::string& digest) {
  BULKHEAD_CHECK(lock_bootstrap(admin));
  BULKHEAD_TRY(const auto now, installed_digest(admin));
  if (now == digest) return {};
  BULKHEAD_CHECK(admin.execute(admin_sql()));
  BULKHEAD_CHECK(admin.execute("set local role bulkhead_system"));
  BULKHEAD_CHECK(admin.execute(system_sql(mode)));
  BULKHEAD_CHECK(note_installed(admin, digest, mode, "bulkhead_login"));
  BULKHEAD_CHECK(admin.execute("reset role"));
  BULKHEAD_CHECK(share_passwords(admin));
  return admin.execute(sql_file("07_credentials"));
}

/// A bootstrap error tells the operator what to do about the usual causes.
Error explained(const Error& error) {
  if (error.code() != Errc::statement_failed || error.sqlstate() != "42501") return error;
  return Error(error.code(),
               "this login may not set up Bulkhead's roles and schemas: " + std::string(error.message()))
      .hint(
          "use a superuser, or a role that owns the database and has CREATEROLE: alter role NAME createrole; "
          "alter database NAME owner to NAME")
      .internal(std::string(error.internal()))
      .sqlstate(std::string(error.sqlstate()));
}

}  // namespace

std::string_view binding_name(BindingMode mode) {
  return mode == BindingMode::plain ? "plain" : "signed";
}

std::string sql_files(std::initializer_list<std::string_view> names) {
  std::string out;
  for (const std::string_view name : names) out += sql_file(name) + "\n";
  return out;
}

Result<std::string> installed_digest(pg::Blocking& admin) {
  BULKHEAD_TRY(auto there, admin.query("select to_regclass('bulkhead.bootstrap') is not null"));
  if (there.text(0, 0) != "t") return std::string();
  BULKHEAD_TRY(auto rows, admin.query("select version, digest from bulkhead.bootstrap"));
  if (rows.empty()) return std::string();
  int version = 0;
  const auto text = rows.text(0, 0);
  std::from_chars(text.data(), text.data() + text.size(), version);
  if (version <= kVersion) return std::string(rows.text(0, 1));
  return Error(Errc::config_invalid, "this database was set up by a newer Bulkhead (version " +
                                         std::to_string(version) + ", this program knows " +
                                         std::to_string(kVersion) + ")")
      .hint("use that newer Bulkhead");
}

Result<void> note_installed(pg::Blocking& admin, const std::string& digest, BindingMode mode,
                            const std::string& login) {
  BULKHEAD_TRY(
      auto written,
      admin.query(
          "insert into bulkhead.bootstrap as b (version, digest, binding, login) values ($1, $2, $3, $4) "
          "on conflict (only_row) do update set version = excluded.version, digest = excluded.digest, "
          "binding = excluded.binding, login = excluded.login, applied_at = now()",
          {std::to_string(kVersion), digest, std::string(binding_name(mode)), login}));
  return {};
}

Result<void> lock_bootstrap(pg::Blocking& admin) {
  // Held to the end of the transaction: servers that start together take turns.
  return admin.execute("select pg_advisory_xact_lock(hashtextextended('bulkhead bootstrap', 0))");
}

Result<void> in_bootstrap_transaction(pg::Blocking& admin, const std::function<Result<void>()>& change) {
  for (int attempt = 1;; ++attempt) {
    BULKHEAD_CHECK(admin.execute("begin"));
    auto done = change();
    if (done.has_value()) done = admin.execute("commit");
    if (done.has_value()) return {};
    [[maybe_unused]] const auto rolled_back = admin.execute("rollback");
    if (attempt == 5 || !worth_repeating(done.error())) return explained(done.error());
    std::this_thread::sleep_for(std::chrono::milliseconds(50 * attempt));
  }
}

Result<bool> has_settings(pg::Blocking& admin, const std::string& login) {
  BULKHEAD_TRY(
      auto settings,
      admin.query(
          "select from pg_catalog.pg_db_role_setting s join pg_catalog.pg_roles r on r.oid = s.setrole "
          "where r.rolname = $1 and s.setdatabase in (0, (select oid from pg_catalog.pg_database "
          "where datname = current_database()))",
          {login}));
  return !settings.empty();
}

Result<Credentials> bootstrap(pg::Blocking& admin, const BootstrapOptions& options) {
  const std::string digest =
      sha256_hex(admin_sql() + system_sql(options.binding) + sql_file("07_credentials") +
                 std::string(binding_name(options.binding)));
  BULKHEAD_TRY(const auto now, installed_digest(admin));
  if (now == digest) return mend_logins(admin);
  BULKHEAD_CHECK(in_bootstrap_transaction(admin, [&] { return apply(admin, options.binding, digest); }));
  return read_credentials(admin);
}

Result<Credentials> mend_logins(pg::Blocking& admin) {
  BULKHEAD_TRY(auto credentials, read_credentials(admin));
  BULKHEAD_TRY(const bool work, logins_work(admin, credentials));
  if (work) return credentials;
  BULKHEAD_CHECK(in_bootstrap_transaction(admin, [&] { return give_passwords_again(admin); }));
  return read_credentials(admin);
}

Result<Credentials> read_credentials(pg::Blocking& admin) {
  BULKHEAD_TRY(
      auto rows,
      admin.query(
          "select (select secret from catalog.credential where name = 'password:bulkhead_login'), "
          "(select secret from catalog.credential where name = 'password:bulkhead_catalog'), k.id, c.secret "
          "from bulkhead.binding_key k join catalog.credential c on c.name = 'binding_key:' || k.id "
          "where k.not_after > now() order by k.id desc limit 1"));
  if (rows.empty() || rows.is_null(0, 0) || rows.is_null(0, 1)) {
    return Error(Errc::config_invalid, "the database has lost its credentials or signing keys")
        .hint(
            "restore catalog.credential and bulkhead.binding_key from a backup, or delete the row of "
            "bulkhead.bootstrap "
            "and start again to make new ones");
  }
  Credentials out;
  out.login_password = rows.text(0, 0);
  out.catalog_password = rows.text(0, 1);
  const auto id = rows.text(0, 2);
  std::from_chars(id.data(), id.data() + id.size(), out.binding_key_id);
  const auto secret = from_hex(rows.text(0, 3));
  if (!secret || secret->size() != 32)
    return Error(Errc::config_invalid, "the newest signing key is damaged");
  out.binding_secret = *secret;
  return out;
}

Result<std::int32_t> rotate_binding_key(pg::Blocking& admin, std::int64_t overlap_seconds) {
  BULKHEAD_TRY(auto rows, admin.query("select bulkhead.rotate_binding_key(make_interval(secs => $1))",
                                      {std::to_string(overlap_seconds)}));
  std::int32_t id = 0;
  const auto text = rows.text(0, 0);
  std::from_chars(text.data(), text.data() + text.size(), id);
  return id;
}

}  // namespace bulkhead::migrate
