#include "journal/events.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>

#include <gtest/gtest.h>

#include "bulkhead/json.hpp"
#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "journal/event_consumer.hpp"
#include "journal/reader.hpp"
#include "lifecycle/databases.hpp"
#include "runtime/event_service.hpp"
#include "runtime/journal_service.hpp"
#include "support/http_receiver.hpp"
#include "support/postgres.hpp"
#include "support/tenants.hpp"

namespace bulkhead::runtime {
namespace {

using namespace std::chrono_literals;
using test::HttpReceiver;
using test::must;
using test::Postgres;
using test::Reaction;
using test::Received;
using Lines = std::vector<std::string>;

constexpr const char* ticket =
    "create table ticket(tenant_id uuid not null default bulkhead.tenant_id(), id bigint not null, title "
    "text, body text, "
    "primary key (tenant_id, id)); select bulkhead.tenant_table('ticket'); create table note(tenant_id uuid "
    "not null default "
    "bulkhead.tenant_id(), id bigint not null, primary key (tenant_id, id)); select "
    "bulkhead.tenant_table('note');";

class Events : public testing::Test {
 protected:
  Events()
      : database_(Postgres::shared().make_database()),
        admin_(database_.connect_admin()),
        log_(Logger::nowhere()) {
    test::migrate_app(database_, {ticket});
    acme_ = Postgres::make_tenant(database_, "acme");
    globex_ = Postgres::make_tenant(database_, "globex");
    config_.name = "helpdesk";
    config_.event_tables = {{"ticket", true, true, true}};
    config_.event_timeout = 2s;
  }
  void TearDown() override {
    stop();
    // Replication slots are the whole cluster's.
    config_.event_tables.clear();
    start();
    for (int i = 0; i < 500 && slots() != 0; ++i) pause();
  }

  std::function<Result<pg::Blocking>()> connect() const {
    return [conninfo = database_.admin] { return pg::Blocking::connect(conninfo); };
  }

  /// The services of one server.
  struct Running {
    std::optional<EventService> events;
    std::optional<JournalService> journals;
  };
  std::unique_ptr<Running> run(bool wanted = true) {
    auto out = std::make_unique<Running>();
    JournalServiceSettings settings;
    settings.connect = connect();
    settings.pause = 50ms;
    settings.max_retained_wal = max_retained_;
    if (wanted && !config_.event_tables.empty()) {
      EventServiceSettings events = event_service_settings(config_, connect());
      events.pause = 50ms;
      events.delivery.first_pause = first_pause_;
      out->events.emplace(std::move(events), log_);
      settings.uses.push_back(out->events->use());
    }
    out->journals.emplace(std::move(settings), log_);
    return out;
  }
  void start() { running_ = run(); }
  /// Begins, and waits until what is written from now on is read.
  void start_reading() {
    start();
    for (int i = 0; i < 500; ++i) {
      if (!must(admin_.query("select from pg_replication_slots where database = $1 and active",
                             {database_.name}))
               .empty())
        return;
      pause();
    }
    FAIL() << "no journal is read";
  }
  void stop() { running_.reset(); }
  void pause() { must(admin_.query("select pg_sleep(0.02)")); }
  int slots() {
    return std::stoi(std::string(
        must(admin_.query("select count(*) from pg_replication_slots where database = $1", {database_.name}))
            .text(0, 0)));
  }

  catalog::TenantRecord tenant(const std::string& slug) { return must(catalog::find_tenant(admin_, slug)); }
  void endpoint(const std::string& slug, const std::string& url, const std::string& secret = "") {
    must(journal::add_endpoint(admin_, tenant(slug).id, url, secret));
  }
  journal::EndpointRecord only_endpoint(const std::string& slug) {
    return must(journal::list_endpoints(admin_, tenant(slug).id)).at(0);
  }
  template <class Condition>
  bool soon(Condition holds) {
    for (int i = 0; i < 750; ++i) {
      if (holds()) return true;
      pause();
    }
    return false;
  }

  void write(const std::string& sql) { must(admin_.execute(sql)); }
  void insert(const std::string& tenant, int id) {
    write("insert into app.ticket values ('" + tenant + "', " + std::to_string(id) + ", 't')");
  }
  std::int64_t count(const std::string& sql) {
    return std::stoll(std::string(must(admin_.query(sql)).text(0, 0)));
  }
  std::int64_t outbox() { return count("select count(*) from catalog.event"); }

  /// "TYPE SUBJECT" of each call.
  static Lines told(const std::vector<Received>& calls) {
    Lines out;
    for (const auto& call : calls) {
      const auto event = parse_json(call.body).value().as_object();
      std::string line(event.at("type").as_string());
      if (event.contains("subject")) line += " " + std::string(event.at("subject").as_string());
      out.push_back(line);
    }
    return out;
  }

  test::Database database_;
  pg::Blocking admin_;
  Logger log_;
  AppConfig config_;
  std::string acme_, globex_;
  std::chrono::milliseconds first_pause_{20};
  std::uint64_t max_retained_ = std::uint64_t{1} << 40U;
  std::unique_ptr<Running> running_;
};

std::string run_command(const std::string& command) {
  std::string out;
  std::FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> buffer{};
  while (pipe != nullptr && std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) out += buffer.data();
  if (pipe != nullptr) pclose(pipe);
  return out;
}

TEST_F(Events, GoToTheirTenantsEndpointsSignedAndInOrder) {
  HttpReceiver acme, globex;
  const std::string secret = journal::make_webhook_secret();
  endpoint("acme", acme.url("/in"), secret);
  endpoint("globex", globex.url());
  start_reading();
  insert(acme_, 1);
  write("update app.ticket set title = 'two' where id = 1; insert into app.note values ('" + acme_ + "', 5)");
  insert(globex_, 9);
  write("delete from app.ticket where id = 1");
  ASSERT_TRUE(acme.wait_for(3));
  ASSERT_TRUE(globex.wait_for(1));
  EXPECT_EQ(told(acme.taken()),
            (Lines{"helpdesk.ticket.created 1", "helpdesk.ticket.updated 1", "helpdesk.ticket.deleted 1"}));
  EXPECT_EQ(told(globex.taken()), (Lines{"helpdesk.ticket.created 9"}));

  const Received call = acme.taken().front();
  EXPECT_EQ(call.method, "POST");
  EXPECT_EQ(call.path, "/in");
  EXPECT_EQ(call.headers.at("content-type"), "application/cloudevents+json");
  const auto event = parse_json(call.body).value().as_object();
  EXPECT_EQ(call.headers.at("webhook-id"), std::string(event.at("id").as_string()));
  EXPECT_EQ(event.at("tenantid").as_string(), acme_.c_str());
  EXPECT_LT(event.at("sequence").as_string(),
            parse_json(acme.taken()[1].body).value().at("sequence").as_string());
  // Verified by somebody else's code.
  const std::string file = testing::TempDir() + "/signed-" + std::to_string(getpid());
  std::ofstream(file) << call.headers.at("webhook-id") << "." << call.headers.at("webhook-timestamp") << "."
                      << call.body;
  EXPECT_EQ(
      run_command(
          "python3 -c 'import base64, hmac, sys; key = base64.b64decode(sys.argv[1][6:]); print(\"v1,\" + "
          "base64.b64encode(hmac.new(key, open(sys.argv[2], \"rb\").read(), \"sha256\").digest()).decode())' "
          "'" +
          secret + "' " + file),
      call.headers.at("webhook-signature") + "\n");
  EXPECT_EQ(outbox(), 4);
  EXPECT_TRUE(soon([&] { return count("select count(*) from catalog.event_delivery") == 0; }));
}

TEST_F(Events, WaitForAReceiverThatIsDownAndKeepTheirOrder) {
  std::atomic<int> failures{5};
  HttpReceiver receiver([&](const Received&) {
    Reaction out;
    if (failures > 0) {
      --failures;
      out.status = 500;
    }
    return out;
  });
  endpoint("acme", receiver.url());
  start_reading();
  for (int i = 1; i <= 4; ++i) insert(acme_, i);
  ASSERT_TRUE(receiver.wait_for(4));
  EXPECT_EQ(told(receiver.taken()), (Lines{"helpdesk.ticket.created 1", "helpdesk.ticket.created 2",
                                           "helpdesk.ticket.created 3", "helpdesk.ticket.created 4"}));
  EXPECT_GE(receiver.calls(), 9U);
}

TEST_F(Events, ReachAReceiverThatComesBack) {
  endpoint("acme", "http://127.0.0.1:1/");
  start_reading();
  insert(acme_, 1);
  ASSERT_TRUE(soon([&] { return only_endpoint("acme").failures >= 2; }));
  EXPECT_EQ(only_endpoint("acme").pending, 1);
  EXPECT_FALSE(only_endpoint("acme").next.empty());
}

TEST_F(Events, AreNotSentBeforeTheReceiverWantsThem) {
  std::atomic<int> failures{1};
  std::atomic<std::chrono::steady_clock::time_point> first{};
  HttpReceiver receiver([&](const Received&) {
    Reaction out;
    if (failures.fetch_sub(1) > 0) {
      first = std::chrono::steady_clock::now();
      out.status = 503;
      out.headers = {{"Retry-After", "2"}};
    }
    return out;
  });
  endpoint("acme", receiver.url());
  start_reading();
  insert(acme_, 1);
  ASSERT_TRUE(receiver.wait_for(1));
  EXPECT_GE(std::chrono::steady_clock::now() - first.load(), 2s);
}

TEST_F(Events, EndWhereTheReceiverIsGoneUntilItIsAddedAgain) {
  std::atomic<bool> gone{true};
  HttpReceiver receiver([&](const Received&) {
    Reaction out;
    if (gone) out.status = 410;
    return out;
  });
  endpoint("acme", receiver.url());
  start_reading();
  insert(acme_, 1);
  ASSERT_TRUE(soon([&] { return only_endpoint("acme").state == "disabled"; }));
  EXPECT_EQ(only_endpoint("acme").reason, "the receiver answered 410");
  const std::string secret = must(journal::endpoint_secret(admin_, tenant("acme").id, receiver.url()));
  insert(acme_, 2);
  ASSERT_TRUE(soon([&] { return outbox() == 2; }));
  EXPECT_EQ(receiver.calls(), 1U);
  gone = false;
  endpoint("acme", receiver.url());
  EXPECT_EQ(must(journal::endpoint_secret(admin_, tenant("acme").id, receiver.url())), secret);
  ASSERT_TRUE(receiver.wait_for(1));
  ASSERT_TRUE(soon([&] { return only_endpoint("acme").pending == 0; }));
  // What was made meanwhile was not to go there; it can be had all the same.
  EXPECT_EQ(must(journal::replay_events(admin_, tenant("acme").id, "2020-01-01", "")), 2U);
  ASSERT_TRUE(receiver.wait_for(3));
  EXPECT_EQ(told(receiver.taken()).back(), "helpdesk.ticket.created 2");
}

TEST_F(Events, ThatNobodyTakesAreDeadAndHoldUpNoOther) {
  config_.event_attempts = 3;
  std::atomic<bool> picky{true};
  HttpReceiver receiver([&](const Received& call) {
    Reaction out;
    if (picky && call.body.find("\"subject\":\"1\"") != std::string::npos) out.status = 422;
    return out;
  });
  endpoint("acme", receiver.url());
  start_reading();
  insert(acme_, 1);
  insert(acme_, 2);
  ASSERT_TRUE(receiver.wait_for(1));
  EXPECT_EQ(told(receiver.taken()), (Lines{"helpdesk.ticket.created 2"}));
  EXPECT_EQ(receiver.calls(), 4U);
  const auto dead = must(journal::list_dead(admin_, tenant("acme").id));
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].type, "helpdesk.ticket.created");
  EXPECT_EQ(dead[0].attempts, 3);
  EXPECT_EQ(dead[0].error, "the receiver answered 422");
  picky = false;
  EXPECT_EQ(must(journal::retry_dead(admin_, tenant("acme").id, "")), 1U);
  ASSERT_TRUE(receiver.wait_for(2));
  EXPECT_TRUE(must(journal::list_dead(admin_, tenant("acme").id)).empty());
}

TEST_F(Events, ASlowReceiverHoldsUpNoOtherEndpoint) {
  config_.event_timeout = 1s;
  HttpReceiver slow([](const Received&) {
    Reaction out;
    out.delay = 5s;
    return out;
  });
  HttpReceiver quick;
  endpoint("acme", slow.url());
  endpoint("globex", quick.url());
  start_reading();
  insert(acme_, 1);
  ASSERT_TRUE(slow.wait_for_calls(1));
  insert(globex_, 1);
  ASSERT_TRUE(quick.wait_for(1, 4s));
  ASSERT_TRUE(soon([&] { return only_endpoint("acme").failures >= 1; }));
}

TEST_F(Events, AreSentAgainFromATimeOn) {
  HttpReceiver receiver;
  endpoint("acme", receiver.url());
  start_reading();
  insert(acme_, 1);
  ASSERT_TRUE(receiver.wait_for(1));
  const std::string between(must(admin_.query("select clock_timestamp()")).text(0, 0));
  insert(acme_, 2);
  ASSERT_TRUE(receiver.wait_for(2));
  ASSERT_TRUE(soon([&] { return count("select count(*) from catalog.event_delivery") == 0; }));
  EXPECT_EQ(must(journal::replay_events(admin_, tenant("acme").id, between, receiver.url())), 1U);
  ASSERT_TRUE(receiver.wait_for(3));
  const auto calls = receiver.taken();
  EXPECT_EQ(calls[2].headers.at("webhook-id"), calls[1].headers.at("webhook-id"))
      << "the receiver knows it again";
  EXPECT_EQ(calls[2].body, calls[1].body);
  EXPECT_EQ(journal::replay_events(admin_, tenant("acme").id, "no time", "").error().code(), Errc::usage);
  EXPECT_EQ(
      journal::replay_events(admin_, tenant("acme").id, between, "https://other.example").error().code(),
      Errc::not_found);
}

TEST_F(Events, TellLargeValuesSchemaChangesAndTruncates) {
  HttpReceiver receiver;
  endpoint("acme", receiver.url());
  write("alter table app.ticket alter column body set storage external");
  start_reading();
  write("insert into app.ticket values ('" + acme_ + "', 1, 'one', repeat('x', 100000))");
  write("update app.ticket set title = 'two'");
  write("alter table app.ticket add column tags text[] default '{a,b}'");
  write("update app.ticket set title = 'three', body = 'short'");
  write("truncate app.ticket");
  ASSERT_TRUE(receiver.wait_for(4));
  const auto calls = receiver.taken();
  const auto body = [&](std::size_t at) { return parse_json(calls[at].body).value().as_object(); };
  EXPECT_EQ(body(0).at("data").at("body").as_string().size(), 100'000U);
  EXPECT_EQ(body(1).at("unchanged"), "body");
  EXPECT_FALSE(body(1).at("data").as_object().contains("body"));
  EXPECT_EQ(body(2).at("data"),
            (boost::json::object{{"id", 1}, {"title", "three"}, {"body", "short"}, {"tags", {"a", "b"}}}));
  EXPECT_EQ(body(3).at("type"), "helpdesk.ticket.truncated");
}

TEST_F(Events, OfALargeTransactionAreEachThereOnce) {
  start_reading();
  write("insert into app.ticket select '" + acme_ + "', n, 't' from generate_series(1, 100000) n");
  for (int i = 0; i < 300 && outbox() < 100'000; ++i) must(admin_.query("select pg_sleep(0.2)"));
  EXPECT_EQ(outbox(), 100'000);
  EXPECT_EQ(count("select count(*) from (select (body::json ->> 'subject')::bigint - lag((body::json ->> "
                  "'subject')::bigint) over (order by place) as step from catalog.event) s where step <> 1"),
            0);
}

TEST_F(Events, TwoServersReadOnceAndOneTakesOverFromTheOther) {
  HttpReceiver receiver;
  endpoint("acme", receiver.url());
  start_reading();
  auto second = run();
  for (int i = 1; i <= 20; ++i) insert(acme_, i);
  ASSERT_TRUE(receiver.wait_for(20));
  EXPECT_EQ(outbox(), 20);
  stop();
  for (int i = 21; i <= 40; ++i) insert(acme_, i);
  ASSERT_TRUE(receiver.wait_for(40));
  EXPECT_EQ(outbox(), 40);
  EXPECT_EQ(receiver.taken().size(), 40U) << "nobody died, so nothing is sent twice";
}

TEST_F(Events, OfALossAreToldToEveryTenant) {
  HttpReceiver receiver;
  endpoint("acme", receiver.url());
  start_reading();
  insert(acme_, 1);
  ASSERT_TRUE(receiver.wait_for(1));
  stop();
  ASSERT_TRUE(soon([&] {
    return admin_
        .query("select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = $1",
               {database_.name})
        .has_value();
  }));
  insert(acme_, 2);
  start_reading();
  insert(acme_, 3);
  ASSERT_TRUE(receiver.wait_for(3));
  EXPECT_EQ(told(receiver.taken()),
            (Lines{"helpdesk.ticket.created 1", "helpdesk.journal.lost", "helpdesk.ticket.created 3"}));
  EXPECT_EQ(count("select count(*) from catalog.event where type = 'helpdesk.journal.lost'"), 2);
}

TEST_F(Events, LeaveNoReplicationSlotWhereTheyAreNotWanted) {
  {
    // Nothing is configured: nothing is made.
    const auto nothing = run(false);
    EXPECT_TRUE(nothing->journals->stop(10s));
    EXPECT_EQ(slots(), 0);
  }
  start_reading();
  EXPECT_EQ(slots(), 1);
  must(journal::switch_events(admin_, false));
  EXPECT_TRUE(soon([&] { return slots() == 0; }));
  must(journal::switch_events(admin_, true));
  EXPECT_TRUE(soon([&] { return slots() == 1; }));
  stop();
  // A server whose bulkhead.toml has no events any more.
  const auto without = run(false);
  EXPECT_TRUE(soon([&] { return slots() == 0 && count("select count(*) from catalog.journal") == 0; }));
}

TEST_F(Events, GoToAFolder) {
  const std::string folder = testing::TempDir() + "/events-" + std::to_string(getpid());
  endpoint("acme", "file:" + folder);
  start_reading();
  insert(acme_, 1);
  insert(acme_, 2);
  const auto lines = [&] {
    std::ifstream in(folder + "/" + acme_ + ".jsonl");
    Lines out;
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
  };
  ASSERT_TRUE(soon([&] { return lines().size() == 2; }));
  EXPECT_EQ(parse_json(lines()[1]).value().at("subject"), "2");
}

TEST_F(Events, OfACustomersUrlReachNoAddressWithinTheNetwork) {
  config_.loopback_webhooks = false;
  HttpReceiver receiver;
  endpoint("acme", receiver.url());
  start_reading();
  insert(acme_, 1);
  ASSERT_TRUE(soon([&] { return only_endpoint("acme").failures >= 1; }));
  EXPECT_EQ(receiver.calls(), 0U);
}

TEST_F(Events, OfANewPlaceWaitForTheRestOfTheFormerOne) {
  HttpReceiver receiver;
  const auto mover = test::make_tenant(database_, "mover", catalog::Model::schema);
  const auto home = mover.placement;
  endpoint("mover", receiver.url());
  // Both journals are there, and are read up to here.
  start();
  ASSERT_TRUE(soon([&] { return count("select count(*) from catalog.journal") == 2; }));
  ASSERT_TRUE(soon([&] {
    return count("select count(*) from pg_replication_slots where active and database in ('" +
                 database_.name + "', '" + home.database + "')") == 2;
  }));
  stop();
  // The former place's journal is behind when the tenant is at the new one already.
  auto source = test::connect_home(database_, mover);
  must(source.execute("insert into " + source.quote_identifier(home.schema) + ".ticket values ('" +
                      mover.id.text() + "', 1, 'former place')"));
  must(
      admin_.query("update catalog.placement set model = 'row', cell = 'default', database_name = "
                   "current_database(), schema_name = "
                   "'app', epoch = epoch + 1 where tenant_id = $1::uuid",
                   {mover.id.text()}));
  EXPECT_EQ(count("select count(*) from catalog.event_fence"), 1);
  insert(mover.id.text(), 2);
  // The new place's journal is read first, and alone.
  {
    journal::EventSettings settings = journal::event_settings(config_);
    const journal::JournalDatabase pool{"default", database_.name, database_.admin};
    const auto make = [&](const Uuid& stream) -> Result<journal::Consumers> {
      journal::Consumers out;
      out.push_back(
          std::make_unique<journal::EventConsumer>(settings, database_.connect_admin(), pool, stream));
      return out;
    };
    std::optional<journal::JournalReader> reader;
    ASSERT_TRUE(soon([&] {
      auto opened = journal::JournalReader::open(admin_, pool, make, log_);
      if (opened.has_error() || !*opened) return false;
      reader.emplace(std::move(**opened));
      return true;
    }));
    ASSERT_TRUE(soon([&] {
      must(reader->read(50ms));
      return outbox() == 1;
    }));
  }
  journal::DeliveryCounts counts;
  const std::atomic<bool> never{false};
  journal::WebhookSettings webhooks;
  webhooks.loopback = true;
  journal::WebhookSink sink(webhooks);
  EXPECT_FALSE(
      must(journal::deliver_once(admin_, {}, [&](std::string_view) { return &sink; }, counts, never)));
  EXPECT_EQ(receiver.calls(), 0U);
  EXPECT_TRUE(must(journal::read_events(admin_, mover.id, {}, "", 10)).empty()) << "nor does anybody see it";
  start();
  ASSERT_TRUE(receiver.wait_for(2));
  EXPECT_EQ(told(receiver.taken()), (Lines{"helpdesk.ticket.created 1", "helpdesk.ticket.created 2"}));
  EXPECT_TRUE(soon([&] { return count("select count(*) from catalog.event_fence") == 0; }));
  // Dropping a database whose journal is read takes its replication slot along.
  must(admin_.query("update catalog.slot set state = 'dropping' where database_name = $1", {home.database}));
  must(lifecycle::drop_database(admin_, home.cell, home.database));
  EXPECT_TRUE(soon([&] { return count("select count(*) from catalog.journal") == 1; }));
}

TEST_F(Events, AreKeptForAWhileAndWhileSomebodyWaits) {
  start_reading();
  insert(acme_, 1);
  endpoint("globex", "http://127.0.0.1:1/");
  insert(globex_, 2);
  ASSERT_TRUE(soon([&] { return outbox() == 2; }));
  must(admin_.query("update catalog.event set made_at = made_at - interval '8 days'"));
  EXPECT_EQ(must(journal::prune_events(admin_, std::chrono::hours(24 * 9))), 0U);
  EXPECT_EQ(must(journal::prune_events(admin_, std::chrono::hours(24 * 7))), 1U);
  const auto left = must(journal::read_events(admin_, tenant("globex").id, {}, "", 10));
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].type, "helpdesk.ticket.created");
}

TEST_F(Events, HaveFiguresAndAnAlarm) {
  max_retained_ = 1;
  HttpReceiver receiver;
  endpoint("acme", receiver.url());
  start_reading();
  Metrics metrics;
  running_->journals->observe(metrics);
  running_->events->observe(metrics);
  insert(acme_, 1);
  ASSERT_TRUE(receiver.wait_for(1));
  EXPECT_TRUE(soon([&] {
    const std::string text = metrics.text();
    return text.find("bulkhead_events_delivered_total 1\n") != std::string::npos &&
           text.find("bulkhead_journal_alarm 1\n") != std::string::npos;
  })) << metrics.text();
  EXPECT_NE(metrics.text().find("bulkhead_journal_retained_wal_bytes"), std::string::npos);
  EXPECT_NE(metrics.text().find("bulkhead_journal_lag_bytes"), std::string::npos);
  EXPECT_NE(metrics.text().find("bulkhead_events_dead_total 0\n"), std::string::npos);
  stop();
  EXPECT_NE(metrics.text().find("bulkhead_journal_alarm 0\n"), std::string::npos)
      << "readable when the services are gone";
}

TEST_F(Events, EndpointsAreCheckedAndListed) {
  const TenantId id = tenant("acme").id;
  EXPECT_EQ(journal::add_endpoint(admin_, id, "ftp://x", "").error().code(), Errc::usage);
  EXPECT_EQ(journal::add_endpoint(admin_, id, "https://hooks.example", "short").error().code(), Errc::usage);
  endpoint("acme", "https://hooks.example/b");
  endpoint("acme", "https://hooks.example/a");
  const auto all = must(journal::list_endpoints(admin_, id));
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].url, "https://hooks.example/a");
  must(journal::remove_endpoint(admin_, id, "https://hooks.example/a"));
  EXPECT_EQ(journal::remove_endpoint(admin_, id, "https://hooks.example/a").error().code(), Errc::not_found);
  EXPECT_EQ(must(journal::list_endpoints(admin_, id)).size(), 1U);
}

}  // namespace
}  // namespace bulkhead::runtime
