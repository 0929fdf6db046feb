// Any bytes as a query string: parsed or refused, rendered or refused, and never without the tenant's predicate.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "api/rest/query.hpp"
#include "sql/render.hpp"

using namespace bulkhead;

namespace {

sql::RelationsRef relations() {
  std::vector<sql::Relation> tables(2);
  tables[0].name = "album";
  tables[1].name = "artist";
  for (sql::Relation& table : tables) {
    table.tenant = true;
    table.primary_key = {"id"};
    table.unique_keys = {{"id"}};
    for (const char* name : {"id", "name", "artist_id"}) table.columns.emplace_back().name = name;
  }
  std::vector<sql::ForeignKey> keys(1);
  keys[0] = {"album_artist_fkey", "album", "artist", {"artist_id"}, {"id"}, false};
  return std::make_shared<sql::Relations>(std::move(tables), std::move(keys));
}

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string_view::npos; ++at) ++found;
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const sql::RelationsRef shop = relations();
  auto query = api::parse_query({reinterpret_cast<const char*>(data), size});
  if (query.has_error()) return 0;
  query->select.relation = "album";
  auto rendered = sql::render(query->select, *shop, "app", "0191e0a0-0000-7000-8000-000000000001");
  if (rendered.has_error()) return 0;
  // An alias in an embed may quote these words, so there are at least as many predicates as relations named outside.
  if (count(rendered->text, "\"tenant_id\" = $1") == 0) std::abort();
  if (rendered->params.size() == 0 || rendered->params.value(0) == nullptr) std::abort();
  return 0;
}
