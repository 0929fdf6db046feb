#include "catalog/operators.hpp"

#include <charconv>

namespace bulkhead::catalog {
namespace {

constexpr std::size_t longest_part = 1000;

std::string select_operators(std::string_view condition) {
  return "select issuer, subject, name, to_char(made_at at time zone 'UTC', "
         "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') "
         "from catalog.operator " +
         std::string(condition);
}

Operator operator_of(const Rows& rows, std::size_t row) {
  return Operator{std::string(rows.text(row, 0)), std::string(rows.text(row, 1)),
                  std::string(rows.text(row, 2)), std::string(rows.text(row, 3))};
}

}  // namespace

Result<void> add_operator(pg::Blocking& admin, const Operator& added) {
  for (const std::string* part : {&added.issuer, &added.subject, &added.name})
    if (part->empty() || part->size() > longest_part)
      return Error(Errc::usage, "an operator has an issuer, a subject and a name of at most 1000 bytes each");
  auto written = admin.query(
      "insert into catalog.operator(issuer, subject, name) values ($1, $2, $3) "
      "on conflict (issuer, subject) do update set name = excluded.name",
      {added.issuer, added.subject, added.name});
  if (written.has_error()) return written.error();
  return {};
}

Result<std::vector<Operator>> list_operators(pg::Blocking& admin) {
  BULKHEAD_TRY(auto rows, admin.query(select_operators("order by issuer, subject")));
  std::vector<Operator> out;
  for (std::size_t row = 0; row < rows.size(); ++row) out.push_back(operator_of(rows, row));
  return out;
}

Result<std::optional<Operator>> find_operator(pg::Blocking& admin, std::string_view issuer,
                                              std::string_view subject) {
  BULKHEAD_TRY(auto rows, admin.query(select_operators("where issuer = $1 and subject = $2"),
                                      {std::string(issuer), std::string(subject)}));
  if (rows.empty()) return std::optional<Operator>();
  return std::optional(operator_of(rows, 0));
}

Result<void> remove_operator(pg::Blocking& admin, std::string_view issuer, std::string_view subject) {
  BULKHEAD_TRY(auto rows, admin.query("delete from catalog.operator where issuer = $1 and subject = $2",
                                      {std::string(issuer), std::string(subject)}));
  if (rows.affected() == 0)
    return Error(Errc::not_found,
                 "there is no operator \"" + std::string(subject) + "\" of issuer " + std::string(issuer))
        .hint("`bulkhead operator list` shows all operators");
  return {};
}

Result<std::optional<KeptAnswer>> find_answer(pg::Blocking& admin, const Operator& asker,
                                              std::string_view key) {
  BULKHEAD_TRY(
      auto rows,
      admin.query("select request, status, location, body from catalog.idempotency where issuer = $1 "
                  "and subject = $2 and key = $3 and made_at > now() - interval '24 hours'",
                  {asker.issuer, asker.subject, std::string(key)}));
  if (rows.empty()) return std::optional<KeptAnswer>();
  KeptAnswer out;
  out.request = rows.text(0, 0);
  const auto status = rows.text(0, 1);
  std::from_chars(status.data(), status.data() + status.size(), out.status);
  out.location = rows.text(0, 2);
  out.body = rows.text(0, 3);
  return std::optional(std::move(out));
}

Result<void> keep_answer(pg::Blocking& admin, const Operator& asker, std::string_view key,
                         const KeptAnswer& answer) {
  BULKHEAD_TRY([[maybe_unused]] auto forgotten,
               admin.query("delete from catalog.idempotency where made_at <= now() - interval '24 hours'"));
  auto written = admin.query(
      "insert into catalog.idempotency(issuer, subject, key, request, status, location, body) "
      "values ($1, $2, $3, $4, $5, $6, $7)",
      {asker.issuer, asker.subject, std::string(key), answer.request, std::to_string(answer.status),
       answer.location, answer.body});
  if (written.has_error()) return written.error();
  return {};
}

}  // namespace bulkhead::catalog
