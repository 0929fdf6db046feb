#include <cctype>
#include <fstream>
#include <map>
#include <sstream>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <fmt/format.h>

#include "catalog/store.hpp"
#include "lifecycle/import.hpp"
#include "shops.hpp"

/// A real shop's data set, imported for one tenant and read back through the API, page by page.
namespace bulkhead::test {
namespace {

/// Numbers as hundredths, so that sums are exact.
using Hundredths = std::int64_t;

struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};

/// RFC 4180; written anew here, so that the importer's reader is not its own judge.
Table read_csv(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::vector<std::vector<std::string>> records(1);
  std::string field;
  bool quoted = false;
  for (char c = 0; in.get(c);) {
    if (c == '"') {
      if (quoted && in.peek() == '"')
        field.push_back(static_cast<char>(in.get()));
      else
        quoted = !quoted;
    } else if (quoted || (c != ',' && c != '\n' && c != '\r')) {
      field.push_back(c);
    } else if (c != '\r') {
      records.back().push_back(std::move(field));
      field.clear();
      if (c == '\n') records.emplace_back();
    }
  }
  if (!field.empty() || !records.back().empty()) records.back().push_back(field);
  if (records.back().empty()) records.pop_back();
  Table table;
  table.columns = records.front();
  table.rows.assign(records.begin() + 1, records.end());
  return table;
}

/// "12", "-3", "0.99"; nullopt for anything else.
std::optional<Hundredths> hundredths(const std::string& text) {
  std::size_t at = text.starts_with('-') ? 1 : 0, dot = text.find('.');
  std::string whole = text.substr(at, dot == std::string::npos ? dot : dot - at);
  std::string part = dot == std::string::npos ? "" : text.substr(dot + 1);
  auto digits = [](const std::string& s) {
    return std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (whole.empty() || whole.size() > 12 || part.size() > 2 || !digits(whole) || !digits(part))
    return std::nullopt;
  part.resize(2, '0');
  Hundredths value = std::stoll(whole) * 100 + std::stoll(part);
  return at == 1 ? -value : value;
}

/// Columns of which every value in the file is a number, and that the database holds as one.
std::map<std::string, Hundredths> sums(const Table& table) {
  std::map<std::string, Hundredths> all;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    const std::string& name = table.columns[c];
    if (name == "phone" || name == "fax" || name.find("postal_code") != std::string::npos) continue;
    Hundredths sum = 0;
    bool numeric = true;
    for (const auto& row : table.rows) {
      if (row[c].empty()) continue;
      auto value = hundredths(row[c]);
      numeric = numeric && value.has_value();
      sum += value.value_or(0);
    }
    if (numeric) all[name] = sum;
  }
  return all;
}

Hundredths number(const boost::json::value& value) {
  if (value.is_null()) return 0;
  if (value.is_int64()) return value.as_int64() * 100;
  return std::llround(value.as_double() * 100);
}

struct Read {
  std::size_t rows = 0, pages = 0;
  std::map<std::string, Hundredths> sums;
};

Read read_all(Caller& caller, const std::string& table, const std::string& order,
              const std::map<std::string, Hundredths>& columns) {
  Read read;
  for (;; ++read.pages) {
    Reply reply =
        caller.get(fmt::format("/rest/v1/{}?order={}&limit=700&offset={}", table, order, read.rows));
    if (reply.status != 200) throw std::runtime_error(reply.body);
    const boost::json::value page = json_of(reply);
    if (page.as_array().empty()) return read;
    for (const boost::json::value& row : page.as_array()) {
      ++read.rows;
      for (const auto& [name, unused] : columns) read.sums[name] += number(row.at(name));
    }
  }
}

TEST(Chinook, CountsAndSumsThroughTheApi) {
  std::filesystem::path folder = shared_data("data/chinook");
  if (folder.empty())
    GTEST_SKIP() << "the Chinook data set (../shared/data/chinook) is not beside this checkout";
  Database database = Postgres::shared().make_database();
  migrate_recordshop(database);
  static_cast<void>(Postgres::make_tenant(database, "acme"));
  static_cast<void>(Postgres::make_tenant(database, "globex"));
  pg::Blocking admin = database.connect_admin();
  auto imported = must(lifecycle::import_csv(admin, must(catalog::find_tenant(admin, "acme")), folder));
  EXPECT_EQ(imported.size(), 11u);

  TestServer server(database, with_handlers());
  Caller ann(server, server.token("acme", "ann", "member")),
      gus(server, server.token("globex", "gus", "member"));
  std::size_t all_rows = 0, all_sums = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".csv") continue;
    const std::string name = entry.path().stem().string();
    SCOPED_TRACE(name);
    const Table table = read_csv(entry.path());
    const auto expected = sums(table);
    ASSERT_FALSE(expected.empty());
    std::string order = name == "playlist_track" ? "playlist_id,track_id" : name + "_id";
    const Read read = read_all(ann, name, order, expected);
    EXPECT_EQ(read.rows, table.rows.size());
    EXPECT_EQ(read.sums, expected);
    all_rows += read.rows;
    all_sums += expected.size();
    Reply counted = ann.get("/rest/v1/" + name + "?limit=1", {{"Prefer", "count=exact"}});
    EXPECT_EQ(counted.header("content-range"), "0-0/" + std::to_string(table.rows.size()));
    // The other shop: the shared tables, and nothing else.
    Reply other = gus.get("/rest/v1/" + name + "?limit=1", {{"Prefer", "count=exact"}});
    bool shared = name == "genre" || name == "media_type";
    EXPECT_EQ(other.header("content-range"), shared ? "0-0/" + std::to_string(table.rows.size()) : "*/0");
  }
  EXPECT_GT(all_rows, 15'000u);
  EXPECT_GT(all_sums, 20u);

  // A sale goes on where the data set's ids end.
  Reply sale = ann.post("/v1/checkout", R"({"customer_id":1,"lines":[{"track_id":1,"quantity":1}]})");
  ASSERT_EQ(sale.status, 201u) << sale.body;
  EXPECT_EQ(json_of(sale).at("invoice_id").as_int64(), 413);
}

}  // namespace
}  // namespace bulkhead::test
