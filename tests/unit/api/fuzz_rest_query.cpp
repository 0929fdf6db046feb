// Any bytes as a query string: parsed or refused, rendered or refused; and what is rendered PostgreSQL's grammar reads, with
// every tenant relation in it bound to the tenant. The same with other values is not rendered again, and comes to the same.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <unordered_map>

#include "api/rest/query.hpp"
#include "sql/render.hpp"
#include "unit/data/known_shape.hpp"
#include "unit/sql/bound.hpp"
#include "unit/sql/sample.hpp"

using namespace bulkhead;

namespace {

void check(const std::string& text, const pg::Params& params, const sql::Relations& shop) {
  sql::test::Bound bound(shop);
  const auto wrong = bound.wrong(text);
  // As many values as the highest place that is named: PostgreSQL refuses any other number.
  const std::string last = "$" + std::to_string(params.size());
  if (!wrong && (params.size() == 0 || text.find(last) != std::string::npos)) return;
  std::fprintf(stderr, "%s\n%s\n", wrong ? wrong->c_str() : "a value that no place names", text.c_str());
  std::abort();
}

// One key, one text, over all that was ever tried; and what is known of a shape holds for other values.
void check_shape(const statement::Statement& asked, const sql::Rendered& rendered,
                 const sql::Relations& shop) {
  static std::unordered_map<std::string, std::string> texts;
  if (texts.size() > 100'000) texts.clear();
  const std::string text = rendered.text + "\n" + rendered.count_text;
  const auto [known, added] = texts.emplace(sql::fingerprint(asked).key, text);
  const auto wrong = known->second == text ? data::test::wrong_when_known(asked, shop)
                                           : std::optional("one fingerprint, two texts:\n" + known->second);
  if (!wrong) return;
  std::fprintf(stderr, "%s\n%s\n", wrong->c_str(), text.c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const sql::RelationsRef shop = sql::test::record_shop();
  static constexpr const char* relations[] = {"album", "artist", "track", "person", "playlist"};
  if (size == 0) return 0;
  auto query = api::parse_query({reinterpret_cast<const char*>(data + 1), size - 1});
  if (query.has_error()) return 0;
  query->select.relation = relations[data[0] % std::size(relations)];
  query->select.aggregates = (data[0] & 8U) != 0;
  query->select.exact_count = (data[0] & 16U) != 0;
  query->select.plain = (data[0] & 32U) != 0;
  if ((data[0] & 64U) != 0) query->select.embed_limit = 7;
  auto rendered = sql::render(query->select, *shop, "app", "0191e0a0-0000-7000-8000-000000000001");
  if (rendered.has_error()) return 0;
  check(rendered->text, rendered->params, *shop);
  if (!rendered->count_text.empty()) check(rendered->count_text, rendered->count_params, *shop);
  check_shape(query->select, *rendered, *shop);
  return 0;
}
