// Bases: made, restored, verified, compared, pruned; what is damaged, foreign or in the wrong state is refused and leaves nothing.
#include <fstream>
#include <iterator>

#include "fixture.hpp"
#include "lifecycle/backup/diff.hpp"
#include "lifecycle/backup/prune.hpp"
#include "lifecycle/certificate.hpp"
#include "lifecycle/tenants.hpp"

namespace bulkhead::lifecycle::backup {
namespace {

namespace fs = std::filesystem;

class Backups : public BackupTest {
 protected:
  fs::path path_of(const std::string& key) const { return folder_ / key; }
  static std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  static void write(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  std::vector<TableDiff> diff(const std::string& here, const std::string& there) {
    DiffRequest request;
    request.here = here;
    request.there = there;
    return must(diff_tenants(admin_, request));
  }
};

TEST_P(Backups, RestoresEveryRowBesideTheLiveOneInEachModel) {
  const auto acme = filled("acme");
  const auto globex = filled("globex");
  const std::string before = dump(acme), others = dump(globex);
  const auto report = backed_up("acme");
  EXPECT_EQ(report.manifest.rows(), 3u + 10u + 3u + 1u + 2u + 1u + 2u);
  EXPECT_EQ(report.manifest.version, 2);
  run(acme,
      "delete from @thing where tenant_id = $t and id = 2; update @numbered set note = 'changed' where "
      "tenant_id = $t");
  const std::string changed = dump(acme);

  for (const Model model : {Model::row, Model::schema, Model::silo}) {
    auto request = wanted("acme", "acme-" + std::string(catalog::model_name(model)));
    if (model != GetParam()) request.model = model;
    const auto restored = must(restore_tenant(admin_, request));
    EXPECT_EQ(restored.tenant.placement.model, model);
    EXPECT_EQ(restored.tenant.status, catalog::TenantStatus::active);
    EXPECT_EQ(restored.rows, report.manifest.rows());
    EXPECT_EQ(dump(restored.tenant), before);
    EXPECT_EQ(value(restored.tenant,
                    "select string_agg(half::text, ',' order by id) from @thing where tenant_id = $t"),
              "2,4,6");
    // Rows go on being numbered, and constraints hold again.
    EXPECT_EQ(test::as_tenant(database_, restored.tenant, "member",
                              "insert into \"" + restored.tenant.placement.schema +
                                  "\".thing(name) values ('new') returning id")
                  .text(0, 0),
              "4");
    EXPECT_NO_THROW(run(restored.tenant, "insert into @numbered(tenant_id, note) values ($t, 'new')"));
    EXPECT_THROW(
        run(restored.tenant, "insert into @person(tenant_id, name, boss) values ($t, 'Dan', 'nobody')"),
        std::runtime_error);
  }
  EXPECT_EQ(dump(acme), changed);
  EXPECT_EQ(dump(globex), others);
}

TEST_P(Backups, AreListedAndTheNewestBeforeATimeIsTaken) {
  const auto acme = filled("acme");
  const auto first = backed_up("acme");
  const std::string then = dump(acme);
  run(acme,
      "insert into @profile values ($t, 'second') on conflict (tenant_id) do update set motto = "
      "excluded.motto");
  const auto second = backed_up("acme");
  const auto list = must(list_backups(admin_, "acme", store_));
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list.front().manifest.at, first.manifest.at);
  auto request = wanted("acme", "acme-then");
  request.at = first.manifest.at;
  EXPECT_EQ(dump(must(restore_tenant(admin_, request)).tenant), then);
  request.as = "acme-late";
  request.at.reset();
  EXPECT_EQ(must(restore_tenant(admin_, request)).base, second.manifest.at);
}

TEST_P(Backups, RefuseWhatCannotBeRestored) {
  const auto acme = filled("acme");
  EXPECT_EQ(refused(wanted("acme", "acme-restored")), Errc::not_found) << "no backup";
  const auto report = backed_up("acme");
  EXPECT_EQ(refused(wanted("nobody", "acme-restored")), Errc::not_found);
  EXPECT_EQ(refused(wanted("acme", "acme")), Errc::already_exists);
  EXPECT_EQ(refused(wanted("acme", "No Slug")), Errc::usage);
  auto request = wanted("acme", "acme-restored");
  request.at = report.manifest.at - std::chrono::microseconds(1);
  EXPECT_EQ(refused(request), Errc::not_found) << "before the first";
  request.at = now() + std::chrono::hours(1);
  EXPECT_EQ(refused(request), Errc::usage) << "to come";
  request.at = now();
  EXPECT_EQ(refused(request), Errc::conflict) << "no journal";
  request.at.reset();
  request.store = "file:///nowhere";
  EXPECT_EQ(refused(request), Errc::environment);
  request.store = store_;
  request.cell = "nowhere";
  EXPECT_EQ(refused(request), Errc::conflict);
  expect_nothing_half_made(acme);
  EXPECT_EQ(one("select count(*) from catalog.tenant"), "1");
}

TEST_P(Backups, DoNotRestoreWhatIsDamagedForeignOrOfAnotherKey) {
  const auto acme = filled("acme");
  static_cast<void>(filled("globex"));
  const auto report = backed_up("acme");
  const auto other = backed_up("globex");
  const fs::path part = path_of(report.base.folder + report.manifest.parts.at(1).object);
  const std::string whole = read(part);
  std::string changed = whole;
  changed[whole.size() / 2] = static_cast<char>(changed[whole.size() / 2] ^ 4);
  for (const std::string& bytes : {changed, whole.substr(0, whole.size() / 2), std::string(), whole + whole,
                                   read(path_of(other.base.folder + other.manifest.parts.at(1).object)),
                                   read(path_of(report.base.folder + report.manifest.parts.at(2).object))}) {
    write(part, bytes);
    EXPECT_EQ(refused(wanted("acme", "acme-restored")), Errc::import_failed);
    EXPECT_EQ(verify_backup(admin_, "acme", store_, "", false).error().code(), Errc::import_failed);
    expect_nothing_half_made(acme);
  }
  fs::remove(part);
  EXPECT_EQ(refused(wanted("acme", "acme-restored")), Errc::not_found);
  write(part, whole);
  // A whole base under another tenant's name.
  fs::copy(path_of(other.base.folder), path_of(new_base_name(acme.id, now()).folder),
           fs::copy_options::recursive);
  EXPECT_EQ(refused(wanted("acme", "acme-restored")), Errc::import_failed);
  fs::remove_all(path_of(tenant_folder(acme.id) + "base"));
  const auto again = backed_up("acme");
  must(admin_.execute("update catalog.credential set secret = repeat('ab', 32) where name = 'backup_key'"));
  EXPECT_EQ(refused(wanted("acme", "acme-restored")), Errc::config_invalid);
  expect_nothing_half_made(acme);
  EXPECT_EQ(one("select count(*) from catalog.tenant"), "2");
}

TEST_P(Backups, OneAtATimeForEachTenant) {
  const auto acme = filled("acme");
  NewOperation running;
  running.kind = "backup";
  running.subject = "acme";
  running.tenant = acme.id;
  running.input = {{"store", store_}};
  const auto operation = must(start_operation(admin_, running));
  BackupRequest request;
  request.tenant = "acme";
  request.store = store_;
  EXPECT_EQ(create_backup(admin_, request).error().code(), Errc::conflict);
  // Whoever finds it goes on with it.
  EXPECT_EQ(must(resume_operation(admin_, operation.id)).state, OperationState::done);
  EXPECT_EQ(must(list_backups(admin_, "acme", store_)).size(), 1u);
  request.store = "file:///nowhere";
  EXPECT_EQ(create_backup(admin_, request).error().code(), Errc::environment);
  request.tenant = "nobody";
  EXPECT_EQ(create_backup(admin_, request).error().code(), Errc::not_found);
}

TEST_P(Backups, AreVerifiedByRestoringThemAndNothingStays) {
  static_cast<void>(filled("acme"));
  const auto report = backed_up("acme");
  const auto verified = must(verify_backup(admin_, "acme", store_, "", true));
  EXPECT_EQ(verified.rows, report.manifest.rows());
  EXPECT_EQ(verified.objects, report.manifest.parts.size() + 1);
  EXPECT_EQ(must(verify_backup(admin_, "acme", store_, report.base.folder, false)).rows, verified.rows);
  EXPECT_EQ(verify_backup(admin_, "acme", store_, "tenants/none/", false).error().code(), Errc::not_found);
  EXPECT_EQ(one("select count(*) from catalog.slot"), "0");
  EXPECT_EQ(one("select count(*) from catalog.tenant"), "1");
}

TEST_P(Backups, FollowTheAppToALaterVersionWhereNothingIsLost) {
  const auto acme = filled("acme");
  static_cast<void>(backed_up("acme"));
  const std::string before = dump(acme);
  run(acme,
      "begin; set local role bulkhead_owner; alter table @team add column colour text not null default "
      "'red'; commit");
  if (GetParam() == Model::row) {
    const auto restored = must(restore_tenant(admin_, wanted("acme", "acme-later"))).tenant;
    EXPECT_EQ(value(restored, "select colour from @team where tenant_id = $t"), "red");
    run(acme,
        "begin; set local role bulkhead_owner; alter table @numbered rename column note to remark; commit");
    const auto refusal = restore_tenant(admin_, wanted("acme", "acme-latest"));
    ASSERT_TRUE(refusal.has_error());
    EXPECT_EQ(refusal.error().code(), Errc::conflict);
    EXPECT_NE(std::string(refusal.error().message()).find("\"note\""), std::string::npos);
    expect_nothing_half_made(acme);
  }
}

TEST_P(Backups, ArePrunedButNeverWhatAKeptTimeNeeds) {
  const auto acme = filled("acme");
  const auto first = backed_up("acme");
  const auto second = backed_up("acme");
  const auto third = backed_up("acme");
  const fs::path half = path_of(new_base_name(acme.id, now() - std::chrono::hours(30)).folder);
  fs::create_directories(half);
  write(half / "part-0001", "x");
  const fs::path young = path_of(new_base_name(acme.id, now()).folder);
  fs::create_directories(young);
  write(young / "part-0001", "x");
  const std::string foreign =
      tenant_folder(TenantId(Uuid::random())) + "base/20200101T000000.000000-00000000/";
  fs::create_directories(path_of(foreign));
  write(path_of(foreign + "manifest"), "x");

  auto report = must(prune_backups(admin_, store_, third.manifest.at - std::chrono::microseconds(1)));
  EXPECT_EQ(report.bases, 1u);
  EXPECT_EQ(report.half_made, 1u);
  EXPECT_EQ(report.foreign.size(), 1u);
  EXPECT_TRUE(fs::exists(young / "part-0001"));
  EXPECT_TRUE(fs::exists(path_of(foreign + "manifest")));
  auto list = must(list_backups(admin_, "acme", store_));
  ASSERT_EQ(list.size(), 2u) << "the second is where times before the third are restored from";
  EXPECT_EQ(list.front().manifest.at, second.manifest.at);
  report = must(prune_backups(admin_, store_, now() + std::chrono::hours(1)));
  EXPECT_EQ(report.bases, 1u);
  EXPECT_EQ(must(list_backups(admin_, "acme", store_)).size(), 1u) << "the newest stays";
  EXPECT_EQ(first.manifest.tenant, acme.id.text());
}

TEST_P(Backups, OfADeletedTenantCanBeReadByNobody) {
  const auto acme = filled("acme");
  const auto report = backed_up("acme");
  const auto operation = must(start_delete(admin_, "acme", std::chrono::seconds(0), "ann"));
  static_cast<void>(must(resume_operation(admin_, operation.id)));
  const auto certificate = must(find_certificate(admin_, acme.id.text()));
  EXPECT_EQ(certificate.at("statement").at("backups").as_string(), "key destroyed");
  EXPECT_EQ(one("select count(*) from catalog.backup_key"), "0");
  EXPECT_TRUE(fs::exists(path_of(report.base.folder + "manifest")));
  const auto pruned = must(prune_backups(admin_, store_, now() - std::chrono::hours(1000)));
  EXPECT_EQ(pruned.of_deleted, report.manifest.parts.size() + 1);
  EXPECT_FALSE(fs::exists(path_of("tenants")));
}

TEST_P(Backups, DifferencesAreNamedByKey) {
  const auto acme = filled("acme");
  static_cast<void>(backed_up("acme"));
  const auto restored = must(restore_tenant(admin_, wanted("acme", "acme-restored"))).tenant;
  for (const auto& table : diff("acme", "acme-restored")) EXPECT_TRUE(table.same()) << table.table;
  run(acme,
      "update @thing set name = 'other' where tenant_id = $t and id = 3; delete from @numbered where "
      "tenant_id = $t and id = (select min(id) from @numbered where tenant_id = $t); update @profile set "
      "motto = 'back' where tenant_id = $t");
  run(acme,
      R"(insert into @person(tenant_id, name) values ($t, 'Zoë'); update bulkhead.counter set value = 8 where tenant_id = $t and name = 'thing')");
  std::map<std::string, TableDiff> found;
  for (auto& table : diff(acme.id.text(), "acme-restored")) found[table.table] = table;
  EXPECT_EQ(found["thing"].keys_changed, std::vector<std::string>{"3"});
  EXPECT_EQ(found["thing"].rows_here, 3u);
  EXPECT_EQ(found["numbered"].only_there, 1u);
  EXPECT_EQ(found["numbered"].rows_here, 9u);
  EXPECT_EQ(found["person"].keys_here, std::vector<std::string>{"Zoë"});
  EXPECT_EQ(found["profile"].changed, 1u);
  EXPECT_EQ(found["bulkhead.counter"].keys_changed, std::vector<std::string>{"thing"});
  EXPECT_TRUE(found["team"].same());
  DiffRequest request;
  request.here = "acme";
  request.there = "nobody";
  EXPECT_EQ(diff_tenants(admin_, request).error().code(), Errc::not_found);
}

INSTANTIATE_TEST_SUITE_P(Models, Backups, testing::Values(Model::row, Model::schema, Model::silo),
                         [](const auto& info) { return std::string(catalog::model_name(info.param)); });

}  // namespace
}  // namespace bulkhead::lifecycle::backup
