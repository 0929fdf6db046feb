// Whatever is asked, no tenant relation is named without its tenant predicate.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "bound.hpp"
#include "sample.hpp"
#include "sql/render.hpp"

namespace bulkhead::sql {
namespace {

using namespace statement;

constexpr std::string_view tenant = "0191e0a0-0000-7000-8000-000000000001";

std::string any_relation() {
  return *rc::gen::element<std::string>("album", "artist", "genre", "person", "playlist", "playlist_track",
                                        "track", "editor_id", "person_reports_to_fkey", "maker", "works",
                                        "nope");
}

std::string any_column() {
  return *rc::gen::element<std::string>("id", "id", "id", "name", "name", "title", "tenant_id", "tags",
                                        "count", "loud", "album", "x\"y");
}

std::vector<JsonStep> any_path() {
  std::vector<JsonStep> path;
  const int steps = *rc::gen::inRange(0, 10) - 7;
  for (int i = 0; i < steps; ++i)
    path.push_back({*rc::gen::element<std::string>("a", "x'\"y", "0"), false, *rc::gen::arbitrary<bool>()});
  return path;
}

Condition any_condition(int depth) {
  Condition condition;
  condition.negated = *rc::gen::arbitrary<bool>();
  condition.kind =
      depth <= 0 ? Condition::Kind::compare
                 : *rc::gen::element(Condition::Kind::all, Condition::Kind::any, Condition::Kind::compare);
  if (condition.kind == Condition::Kind::compare) {
    condition.column = any_column();
    condition.op = *rc::gen::element(Operator::eq, Operator::neq, Operator::like, Operator::in, Operator::is,
                                     Operator::is_distinct, Operator::wfts, Operator::cs, Operator::adj);
    condition.path = any_path();
    if (condition.op == Operator::eq && *rc::gen::arbitrary<bool>())
      condition.quantifier = Condition::Quantifier::any;
    if (condition.op == Operator::wfts) condition.language = *rc::gen::element<std::string>("", "english");
    condition.value = condition.op == Operator::is ? "null" : *rc::gen::string<std::string>();
    condition.values =
        *rc::gen::container<std::vector<statement::Value>>(rc::gen::just(statement::Value("1")));
    return condition;
  }
  int children = *rc::gen::inRange(0, 3);
  for (int i = 0; i < children; ++i) condition.children.push_back(any_condition(depth - 1));
  return condition;
}

Select any_select(int depth);

std::vector<Output> any_outputs(int depth) {
  std::vector<Output> outputs;
  int count = *rc::gen::inRange(0, 4);
  for (int i = 0; i < count; ++i) {
    Output output;
    switch (*rc::gen::inRange(0, depth > 0 ? 4 : 2)) {
      case 0:
        output.star = true;
        break;
      case 1:
        output.column = any_column();
        output.path = any_path();
        output.aggregate = *rc::gen::element(Aggregate::none, Aggregate::none, Aggregate::none,
                                             Aggregate::sum, Aggregate::count);
        break;
      default: {
        Embed embed;
        embed.select = any_select(depth - 1);
        embed.inner = *rc::gen::arbitrary<bool>();
        embed.hidden = *rc::gen::arbitrary<bool>();
        embed.spread = *rc::gen::element(false, false, true);
        embed.hint = *rc::gen::element<std::string>("", "", "", "editor_id", "playlist_track");
        output.embed = std::make_shared<Embed>(embed);
      }
    }
    output.alias = *rc::gen::element<std::string>("", "from \"app\".\"album\" t", "a'b");
    outputs.push_back(std::move(output));
  }
  return outputs;
}

Select any_select(int depth) {
  Select select;
  select.relation = any_relation();
  select.outputs = any_outputs(depth);
  if (*rc::gen::arbitrary<bool>()) select.where = any_condition(2);
  if (*rc::gen::arbitrary<bool>()) select.limit = 3;
  if (*rc::gen::element(false, false, true)) {
    Order by;
    by.column = any_column();
    by.embed = *rc::gen::element<std::string>("", "artist", "maker");
    select.order.push_back(by);
  }
  select.exact_count = *rc::gen::arbitrary<bool>();
  select.aggregates = *rc::gen::arbitrary<bool>();
  return select;
}

Statement any_statement() {
  switch (*rc::gen::inRange(0, 4)) {
    case 0: {
      Insert insert;
      insert.relation = any_relation();
      insert.columns = {any_column()};
      insert.rows = {{Cell{"1", false}}};
      if (*rc::gen::arbitrary<bool>()) insert.json_rows = "[]";
      if (*rc::gen::arbitrary<bool>()) insert.returning = any_outputs(2);
      if (*rc::gen::arbitrary<bool>()) insert.conflict = Conflict{*rc::gen::arbitrary<bool>(), {}};
      return insert;
    }
    case 1: {
      Update update;
      update.relation = any_relation();
      update.assignments = {{any_column(), Cell{"1", false}}};
      update.where = any_condition(2);
      if (*rc::gen::arbitrary<bool>()) update.at_most = *rc::gen::inRange(0, 3);
      if (*rc::gen::arbitrary<bool>()) update.returning = any_outputs(2);
      return update;
    }
    case 2: {
      Delete remove;
      remove.relation = any_relation();
      remove.where = any_condition(2);
      if (*rc::gen::arbitrary<bool>()) remove.returning = any_outputs(2);
      return remove;
    }
    default:
      return any_select(3);
  }
}

// The text with string literals blanked, so that an alias that looks like SQL is not counted as SQL.
std::string without_literals(std::string_view text) {
  std::string out;
  bool inside = false;
  for (char c : text) {
    if (c == '\'') inside = !inside;
    out.push_back(inside ? ' ' : c);
  }
  return out;
}

void check(const std::string& rendered, const Relations& relations, bool insert) {
  std::string text = without_literals(rendered);
  bool first = true;
  for (std::size_t at = 0; (at = text.find("\"app\".\"", at)) != std::string::npos; first = false) {
    at += 7;
    std::size_t end = text.find('"', at);
    if (text.substr(end + 1, 1) == "(") continue;  // a function of a row; `Bound` judges those that give rows
    const Relation* relation = relations.find(text.substr(at, end - at));
    RC_ASSERT(relation != nullptr);
    std::size_t alias_end = text.find_first_of(" ),", end + 2);
    std::string alias =
        text.substr(end + 2, alias_end == std::string::npos ? alias_end : alias_end - end - 2);
    if (!relation->tenant) continue;
    if (first && insert) {
      // The written relation of an INSERT takes the tenant as its first value instead.
      RC_ASSERT(text.find("(\"tenant_id\"", end) != std::string::npos);
      RC_ASSERT(text.find(" values ($1", end) != std::string::npos ||
                text.find(" select $1::uuid", end) != std::string::npos);
      continue;
    }
    RC_ASSERT(text.find(" " + alias + ".\"tenant_id\" = $1") != std::string::npos);
  }
}

TEST(TenantPredicate, StandsOnEveryTenantRelationOfEveryStatement) {
  const RelationsRef relations = test::record_shop();
  std::size_t rendered_count = 0;
  const bool held = rc::check("tenant predicate", [&] {
    // Most statements name a column that is not there; one of twenty does not.
    Statement statement = any_statement();
    auto rendered = render(statement, *relations, "app", tenant);
    for (int tries = 1; rendered.has_error() && tries < 20; ++tries) {
      statement = any_statement();
      rendered = render(statement, *relations, "app", tenant);
    }
    if (rendered.has_error()) return;
    ++rendered_count;
    check(rendered->text, *relations, std::holds_alternative<Insert>(statement));
    if (!rendered->count_text.empty()) check(rendered->count_text, *relations, false);
    test::Bound bound(*relations);
    for (const std::string& text : {rendered->text, rendered->count_text}) {
      const auto wrong = text.empty() ? std::nullopt : bound.wrong(text);
      if (wrong) RC_FAIL(*wrong + ": " + text);
    }
    if (rendered->tenant_param) RC_ASSERT(rendered->params.value(0) == std::string(tenant));
    // And no caller's name for the tenant's column got in: outputs never carry it.
    for (const OutputColumn& output : rendered->outputs) RC_ASSERT(output.name != "tenant_id");
  });
  EXPECT_TRUE(held);
  EXPECT_GT(rendered_count, 50u) << "the generator makes too few valid statements";
}

// An adopted schema's tenant column has another name, in every place and in no other way.
TEST(TenantPredicate, IsTheSameByWhateverNameTheColumnGoes) {
  const RelationsRef usual = test::record_shop();
  const Relations adopted(usual->all(), usual->foreign_keys(), usual->functions(), false, "org_id");
  std::size_t rendered_count = 0;
  const bool held = rc::check("another tenant column", [&] {
    Statement statement = any_statement();
    auto one = render(statement, *usual, "app", tenant);
    for (int tries = 1; one.has_error() && tries < 20; ++tries) {
      statement = any_statement();
      one = render(statement, *usual, "app", tenant);
    }
    const auto other = render(statement, adopted, "app", tenant);
    RC_ASSERT(one.has_error() == other.has_error());
    if (one.has_error()) return;
    ++rendered_count;
    for (const auto& [expected, got] :
         {std::pair(one->text, other->text), std::pair(one->count_text, other->count_text)}) {
      std::string renamed = expected;
      constexpr std::string_view usual_name = "\"tenant_id\"";
      for (std::size_t at = 0; (at = renamed.find(usual_name, at)) != std::string::npos;)
        renamed.replace(at, usual_name.size(), "\"org_id\"");
      RC_ASSERT(got == renamed);
    }
    RC_ASSERT(one->guards == other->guards);
  });
  EXPECT_TRUE(held);
  EXPECT_GT(rendered_count, 10u);
}

}  // namespace
}  // namespace bulkhead::sql
