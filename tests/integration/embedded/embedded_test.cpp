#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/child_process.hpp"
#include "runtime/embedded_postgres.hpp"
#include "runtime/postgres_binaries.hpp"

namespace bulkhead {
namespace {

namespace fs = std::filesystem;

/// A folder that goes away with the test; short, so that the socket fits into it.
class Folder {
 public:
  explicit Folder(const std::string& base = "/tmp") {
    std::string made = base + "/bh-XXXXXX";
    if (mkdtemp(made.data()) == nullptr) throw std::runtime_error("mkdtemp in " + base);
    // As root the cluster's user must be able to pass.
    chmod(made.c_str(), 0711);
    path_ = made;
  }
  ~Folder() {
    std::error_code ignored;
    const auto place = path_ / "postgres";
    if (fs::is_symlink(place)) fs::remove_all(fs::read_symlink(place), ignored);
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// Takes a capability from this thread for a while, as a container does for ever.
class WithoutCapability {
 public:
  explicit WithoutCapability(int capability) {
    syscall(SYS_capget, &header_, kept_.data());
    auto fewer = kept_;
    fewer[static_cast<std::size_t>(capability) / 32].effective &= ~(1u << (capability % 32));
    syscall(SYS_capset, &header_, fewer.data());
  }
  ~WithoutCapability() { syscall(SYS_capset, &header_, kept_.data()); }
  WithoutCapability(const WithoutCapability&) = delete;
  WithoutCapability& operator=(const WithoutCapability&) = delete;

 private:
  __user_cap_header_struct header_{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> kept_{};
};

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string sql(const EmbeddedPostgres& server, const std::string& text) {
  const auto binaries = find_postgres(std::nullopt);
  auto result = run_child({(binaries->dir / "psql").string(), "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d",
                           server.conninfo(), "-c", text},
                          std::nullopt);
  EXPECT_TRUE(result.has_value());
  EXPECT_EQ(result->status, 0) << result->output;
  while (!result->output.empty() && result->output.back() == '\n') result->output.pop_back();
  return result->output;
}

ChildResult sql_as(const EmbeddedPostgres& server, const std::string& login, const std::string& password,
                   const std::string& text) {
  const auto binaries = find_postgres(std::nullopt);
  // libpq takes the last of two settings of one name.
  auto result = run_child({(binaries->dir / "psql").string(), "-X", "-A", "-t", "-w", "-d",
                           server.conninfo() + " user=" + login + " password='" + password + "'", "-c", text},
                          std::nullopt);
  EXPECT_TRUE(result.has_value());
  return *result;
}

void wait_gone(pid_t pid) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  // What the server goes by: where the process works, or, where that may not be seen, its command line.
  const fs::path process = "/proc/" + std::to_string(pid);
  std::error_code unseen;
  while ((fs::exists(process / "cwd", unseen) || !text_of(process / "cmdline").empty()) &&
         std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
}

TEST(Embedded, StartsAsAnotherUserAndOnlyOverASocket) {
  Folder folder;
  auto server = EmbeddedPostgres::start(folder.path());
  ASSERT_TRUE(server.has_value()) << server.error().message();
  EXPECT_FALSE((*server)->adopted());
  EXPECT_EQ(sql(**server, "select current_database() || ' ' || current_user"), "bulkhead bulkhead_admin");
  EXPECT_EQ(sql(**server,
                "select current_setting('listen_addresses') || '|' || current_setting('wal_level') || '|' || "
                "current_setting('fsync') || '|' || current_setting('jit')"),
            "|logical|on|off");
  struct stat info{};
  ASSERT_EQ(stat(("/proc/" + std::to_string((*server)->pid())).c_str(), &info), 0);
  EXPECT_NE(info.st_uid, 0u);
  ASSERT_EQ(stat((*server)->home().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0700u);
  EXPECT_EQ(sql(**server,
                "select string_agg(array_to_string(user_name, ' ') || ':' || auth_method, ',' order by "
                "line_number) from pg_hba_file_rules where type = 'local'"),
            "bulkhead_admin bulkhead_login bulkhead_catalog:peer,bulkhead_admin:peer,all:scram-sha-256");
  EXPECT_EQ(
      sql(**server, "select count(*) from pg_hba_file_rules where type <> 'local' or error is not null"),
      "0");
  EXPECT_EQ(sql(**server, "select has_database_privilege('public', 'bulkhead', 'connect,temporary')"), "f");

  // The way in by hand: as the cluster's user, without a password.
  ASSERT_EQ(stat((*server)->home().c_str(), &info), 0);
  const auto owner = geteuid() == 0 ? find_user(info.st_uid) : std::nullopt;
  const auto binaries = find_postgres(std::nullopt);
  auto by_hand = run_child(
      {(binaries->dir / "psql").string(), "-X", "-A", "-t", "-w", "-h",
       ((*server)->home() / "socket").string(), "-U", "bulkhead_admin", "-d", "bulkhead", "-c", "select 1"},
      owner);
  ASSERT_TRUE(by_hand.has_value()) << by_hand.error().message();
  EXPECT_EQ(by_hand->output, "1\n");
}

TEST(Embedded, StopEndsItAndTheNextStartKeepsTheData) {
  Folder folder;
  pid_t pid = 0;
  {
    auto server = EmbeddedPostgres::start(folder.path());
    ASSERT_TRUE(server.has_value()) << server.error().message();
    sql(**server, "create table kept as select 42 as answer");
    pid = (*server)->pid();
    ASSERT_TRUE((*server)->stop().has_value());
    EXPECT_FALSE(fs::exists("/proc/" + std::to_string(pid) + "/cwd"));
  }
  auto again = EmbeddedPostgres::start(folder.path());
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_NE((*again)->pid(), pid);
  EXPECT_EQ(sql(**again, "select answer from kept"), "42");
}

TEST(Embedded, OneServerAFolderButCommandsAttachAndTheLastOneStopsIt) {
  Folder folder;
  auto server = EmbeddedPostgres::start(folder.path());
  ASSERT_TRUE(server.has_value()) << server.error().message();
  auto second = EmbeddedPostgres::start(folder.path());
  ASSERT_TRUE(second.has_error());
  EXPECT_EQ(second.error().code(), Errc::environment);
  EXPECT_NE(second.error().message().find("another Bulkhead server"), std::string_view::npos);

  auto command = EmbeddedPostgres::attach(folder.path());
  ASSERT_TRUE(command.has_value()) << command.error().message();
  EXPECT_TRUE((*command)->adopted());
  EXPECT_EQ((*command)->pid(), (*server)->pid());
  const pid_t pid = (*server)->pid();
  ASSERT_TRUE((*server)->stop().has_value());
  EXPECT_EQ(sql(**command, "select 1"), "1") << "the server must not stop PostgreSQL under a running command";
  ASSERT_TRUE((*command)->stop().has_value());
  EXPECT_FALSE(fs::exists("/proc/" + std::to_string(pid) + "/cwd"));
}

TEST(Embedded, OutlivesAKilledServerAndIsAdopted) {
  Folder folder;
  const pid_t server_process = fork();
  ASSERT_GE(server_process, 0);
  if (server_process == 0) {
    auto server = EmbeddedPostgres::start(folder.path());
    if (server.has_error()) _exit(1);
    raise(SIGKILL);
  }
  int status = 0;
  waitpid(server_process, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "the server could not start";
  auto next = EmbeddedPostgres::start(folder.path());
  ASSERT_TRUE(next.has_value()) << next.error().message();
  EXPECT_TRUE((*next)->adopted());
  EXPECT_EQ(sql(**next, "select 1"), "1");
}

TEST(Embedded, RecoversFromAKilledPostmaster) {
  Folder folder;
  auto server = EmbeddedPostgres::start(folder.path());
  ASSERT_TRUE(server.has_value()) << server.error().message();
  auto alive = (*server)->revive();
  ASSERT_TRUE(alive.has_value());
  EXPECT_FALSE(*alive);
  sql(**server, "create table kept as select 1 as x");
  const pid_t killed = (*server)->pid();
  ASSERT_EQ(kill(killed, SIGKILL), 0);
  wait_gone(killed);
  auto revived = (*server)->revive();
  ASSERT_TRUE(revived.has_value()) << revived.error().message();
  EXPECT_TRUE(*revived);
  EXPECT_NE((*server)->pid(), killed);
  EXPECT_EQ(sql(**server, "select x from kept"), "1");
}

/// A login may change its own password, and so may SQL that was injected into its session.
TEST(Embedded, ALoginCannotLockItselfOut) {
  Folder folder;
  // A cluster of an earlier version, which went by passwords.
  {
    EmbeddedSettings earlier;
    const fs::path data = folder.path() / "postgres/data";
    earlier.parameters = {{"hba_file", data / "pg_hba.conf"}, {"ident_file", data / "pg_ident.conf"}};
    auto server = EmbeddedPostgres::start(folder.path(), earlier);
    ASSERT_TRUE(server.has_value()) << server.error().message();
    sql(**server,
        "create role bulkhead_login login password 'first'; "
        "grant connect on database bulkhead to bulkhead_login");
    EXPECT_EQ(sql(**server, "select count(*) from pg_hba_file_rules where auth_method <> 'scram-sha-256'"),
              "0");
    EXPECT_NE(sql_as(**server, "bulkhead_login", "wrong", "select 1").status, 0);
  }
  auto server = EmbeddedPostgres::start(folder.path());
  ASSERT_TRUE(server.has_value()) << server.error().message();
  auto changed = sql_as(**server, "bulkhead_login", "first", "alter role bulkhead_login password 'x'");
  ASSERT_EQ(changed.status, 0) << changed.output;
  auto again = sql_as(**server, "bulkhead_login", "first", "select current_user");
  EXPECT_EQ(again.status, 0) << again.output;
  EXPECT_EQ(again.output, "bulkhead_login\n");

  // Other logins have their passwords, and are not ours to be.
  sql(**server, "create role reader login password 'secret'; grant connect on database bulkhead to reader");
  EXPECT_EQ(sql_as(**server, "reader", "secret", "select 1").status, 0);
  EXPECT_NE(sql_as(**server, "reader", "wrong", "select 1").status, 0);
}

TEST(Embedded, ItsLogKeepsNoValues) {
  Folder folder;
  auto server = EmbeddedPostgres::start(folder.path());
  ASSERT_TRUE(server.has_value()) << server.error().message();
  sql(**server, "create table person (mail text primary key, age int)");
  sql(**server, "insert into person values ('jane@example.org', 1)");
  for (const char* failing : {"insert into person values ('jane@example.org', 2)",
                              "select 'jane@example.org'::int", "select jane from person"})
    EXPECT_NE(sql_as(**server, "bulkhead_admin", "", failing).status, 0);
  const fs::path log = (*server)->home() / "log";
  ASSERT_TRUE((*server)->stop().has_value());
  std::string all;
  for (const auto& file : fs::directory_iterator(log)) all += text_of(file.path());
  EXPECT_NE(all.find("ready to accept connections"), std::string::npos);
  EXPECT_EQ(all.find("jane"), std::string::npos) << all;
}

TEST(Embedded, AStartCanBeCalledOff) {
  Folder folder;
  auto server = EmbeddedPostgres::start(folder.path());
  ASSERT_TRUE(server.has_value()) << server.error().message();
  const pid_t killed = (*server)->pid();
  ASSERT_EQ(kill(killed, SIGKILL), 0);
  wait_gone(killed);
  auto revived = (*server)->revive([] { return true; });
  ASSERT_TRUE(revived.has_value()) << revived.error().message();
  EXPECT_FALSE(*revived);
  // It was told to start and nobody waited; a stop finds it, whatever has become of it.
  ASSERT_TRUE((*server)->stop().has_value());
  auto next = EmbeddedPostgres::start(folder.path());
  ASSERT_TRUE(next.has_value()) << next.error().message();
  EXPECT_EQ(sql(**next, "select 1"), "1");
}

TEST(Embedded, StopDoesNotWaitForAFrozenPostgres) {
  Folder folder;
  auto server = EmbeddedPostgres::start(folder.path());
  ASSERT_TRUE(server.has_value()) << server.error().message();
  sql(**server, "create table kept as select 1 as x");
  const pid_t frozen = (*server)->pid();
  ASSERT_EQ(kill(frozen, SIGSTOP), 0);
  const auto before = std::chrono::steady_clock::now();
  auto stopped = (*server)->stop(std::chrono::milliseconds(300));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(10));
  ASSERT_TRUE(stopped.has_error());
  EXPECT_NE(stopped.error().message().find("does not answer"), std::string_view::npos);
  EXPECT_NE(stopped.error().message().find(std::to_string(frozen)), std::string_view::npos);

  ASSERT_EQ(kill(frozen, SIGCONT), 0);
  auto next = EmbeddedPostgres::start(folder.path());
  ASSERT_TRUE(next.has_value()) << next.error().message();
  EXPECT_NE((*next)->pid(), frozen);
  EXPECT_EQ(sql(**next, "select x from kept"), "1");
}

TEST(Embedded, IgnoresAPidFileWhoseNumberNowBelongsToSomeoneElse) {
  Folder folder;
  {
    auto server = EmbeddedPostgres::start(folder.path());
    ASSERT_TRUE(server.has_value()) << server.error().message();
  }
  const auto file = folder.path() / "postgres" / "data" / "postmaster.pid";
  std::FILE* out = std::fopen(file.c_str(), "w");
  ASSERT_NE(out, nullptr);
  std::fprintf(out, "%d\n/nowhere\n1\n5432\n/nowhere\n\n 1 1\nready\n", static_cast<int>(getpid()));
  std::fclose(out);
  auto server = EmbeddedPostgres::start(folder.path());
  ASSERT_TRUE(server.has_value()) << server.error().message();
  EXPECT_FALSE((*server)->adopted());
  EXPECT_EQ(sql(**server, "select 1"), "1");
}

/// Root inside a container may not look into another user's process.
TEST(Embedded, KnowsItsProcessWithoutTheCapabilityToTrace) {
  if (geteuid() != 0) GTEST_SKIP() << "only root meets this case";
  Folder folder;
  const WithoutCapability untraced(CAP_SYS_PTRACE);
  auto server = EmbeddedPostgres::start(folder.path());
  ASSERT_TRUE(server.has_value()) << server.error().message();
  const pid_t pid = (*server)->pid();
  std::error_code refused;
  const fs::path seen = fs::read_symlink("/proc/" + std::to_string(pid) + "/cwd", refused);
  ASSERT_TRUE(refused) << "the test's premise: " << seen;
  auto command = EmbeddedPostgres::attach(folder.path());
  ASSERT_TRUE(command.has_value()) << command.error().message();
  EXPECT_TRUE((*command)->adopted());
  EXPECT_EQ((*command)->pid(), pid);
  ASSERT_TRUE((*command)->stop().has_value());
  auto alive = (*server)->revive();
  ASSERT_TRUE(alive.has_value());
  EXPECT_FALSE(*alive);
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  wait_gone(pid);
  auto revived = (*server)->revive();
  ASSERT_TRUE(revived.has_value()) << revived.error().message();
  EXPECT_TRUE(*revived);
  EXPECT_EQ(sql(**server, "select 1"), "1");
  const pid_t second = (*server)->pid();
  ASSERT_TRUE((*server)->stop().has_value());
  EXPECT_EQ(text_of("/proc/" + std::to_string(second) + "/cmdline"), "");
}

TEST(Embedded, IgnoresAPidFileOfAnotherUsersProcessThatItMayNotSee) {
  if (geteuid() != 0) GTEST_SKIP() << "only root meets this case";
  Folder folder, other_folder;
  {
    ASSERT_TRUE(EmbeddedPostgres::start(folder.path()).has_value());
  }
  auto other = EmbeddedPostgres::start(other_folder.path());
  ASSERT_TRUE(other.has_value()) << other.error().message();
  std::ofstream(folder.path() / "postgres" / "data" / "postmaster.pid") << (*other)->pid() << '\n';
  const WithoutCapability untraced(CAP_SYS_PTRACE);
  auto server = EmbeddedPostgres::start(folder.path());
  ASSERT_TRUE(server.has_value()) << server.error().message();
  EXPECT_FALSE((*server)->adopted());
  EXPECT_NE((*server)->pid(), (*other)->pid());
  EXPECT_EQ(sql(**other, "select 1"), "1");
}

/// Whoever is the cluster's user may put links where root is about to write.
TEST(Embedded, RootFollowsNoLinkOfTheClustersUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root meets this case";
  Folder folder;
  const fs::path home = folder.path() / "postgres", victim = folder.path() / "victim";
  {
    ASSERT_TRUE(EmbeddedPostgres::start(folder.path()).has_value());
  }
  std::ofstream(victim) << "precious";
  chmod(victim.c_str(), 0644);
  for (const char* name : {"data/bulkhead.conf", "start.log"}) {
    fs::remove(home / name);
    fs::create_symlink(victim, home / name);
  }
  EmbeddedSettings impatient;
  impatient.start_timeout = std::chrono::milliseconds(1500);
  auto server = EmbeddedPostgres::start(folder.path(), impatient);
  EXPECT_EQ(text_of(victim), "precious");
  struct stat info{};
  ASSERT_EQ(stat(victim.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0644u);
  EXPECT_EQ(info.st_uid, 0u);
  EXPECT_FALSE(fs::is_symlink(home / "data/bulkhead.conf"));
  ASSERT_TRUE(server.has_error()) << "PostgreSQL cannot write its log into root's file";
  EXPECT_EQ(server.error().message().find("precious"), std::string_view::npos);

  fs::remove(home / "start.log");
  auto again = EmbeddedPostgres::start(folder.path());
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_EQ(sql(**again, "select 1"), "1");
}

TEST(Embedded, RootGivesNoForeignFolderAway) {
  if (geteuid() != 0) GTEST_SKIP() << "only root meets this case";
  Folder folder;
  const fs::path socket = folder.path() / "postgres/socket", victim = folder.path() / "victim";
  {
    ASSERT_TRUE(EmbeddedPostgres::start(folder.path()).has_value());
  }
  fs::create_directory(victim);
  chmod(victim.c_str(), 0755);
  fs::remove_all(socket);
  fs::create_directory_symlink(victim, socket);
  auto server = EmbeddedPostgres::start(folder.path());
  ASSERT_TRUE(server.has_error());
  EXPECT_NE(server.error().message().find(socket.string()), std::string_view::npos);
  struct stat info{};
  ASSERT_EQ(stat(victim.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0755u);
  EXPECT_EQ(info.st_uid, 0u);
}

TEST(Embedded, LongPathsGetAShortSocketFolder) {
  Folder folder;
  const auto deep = folder.path() / std::string(120, 'd');
  auto server = EmbeddedPostgres::start(deep);
  ASSERT_TRUE(server.has_value()) << server.error().message();
  EXPECT_EQ(sql(**server, "select 1"), "1");
  EXPECT_EQ(sql_as(**server, "bulkhead_admin", "wrong", "select 1").status, 0) << "no password counts";
}

TEST(Embedded, WorksBelowAFolderThatOnlyRootMayEnter) {
  if (geteuid() != 0) GTEST_SKIP() << "only root meets this case";
  Folder folder;
  chmod(folder.path().c_str(), 0700);
  auto server = EmbeddedPostgres::start(folder.path() / "data");
  ASSERT_TRUE(server.has_value()) << server.error().message();
  EXPECT_EQ(sql(**server, "select 1"), "1");
  const auto link = folder.path() / "data" / "postgres";
  EXPECT_TRUE(fs::is_symlink(link));
  std::error_code ignored;
  ASSERT_TRUE((*server)->stop().has_value());
  fs::remove_all(fs::read_symlink(link), ignored);
}

TEST(Embedded, KnowsWhichReleasesKeepRowSecurityTooLong) {
  for (const int bad : {150000, 150018, 160014, 170010, 180005}) {
    EXPECT_NE(known_defect(bad).find("CVE-2026-14666"), std::string::npos) << bad;
  }
  EXPECT_NE(known_defect(160014).find("16.15"), std::string::npos);
  EXPECT_NE(known_defect(150018).find("install 15.20"), std::string::npos);
  EXPECT_NE(known_defect(150019).find("CVE-2026-120154"), std::string::npos);
  EXPECT_EQ(known_defect(150019).find("CVE-2026-14666"), std::string::npos);
  for (const int good : {150020, 160015, 170011, 180006, 190000}) EXPECT_EQ(known_defect(good), "");
}

TEST(Embedded, MissingBinariesNameThePackage) {
  setenv("BULKHEAD_PG_BIN", "/nonexistent", 1);
  Folder folder;
  auto server = EmbeddedPostgres::start(folder.path());
  unsetenv("BULKHEAD_PG_BIN");
  ASSERT_TRUE(server.has_error());
  EXPECT_EQ(server.error().code(), Errc::environment);
  EXPECT_NE(server.error().message().find("BULKHEAD_PG_BIN=/nonexistent"), std::string_view::npos);
  auto other = find_postgres(99);
  ASSERT_TRUE(other.has_error());
  EXPECT_NE(other.error().hint().find("apt-get install postgresql-99"), std::string_view::npos);
}

}  // namespace
}  // namespace bulkhead
