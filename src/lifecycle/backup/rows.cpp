#include "lifecycle/backup/rows.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include "lifecycle/import_tables.hpp"

namespace bulkhead::lifecycle::backup {

void RowsHash::add(std::string_view row) {
  std::array<unsigned char, 32> hash{};
  unsigned size = 0;
  EVP_Digest(row.data(), row.size(), hash.data(), &size, EVP_sha256(), nullptr);
  std::uint64_t carry = 0;
  for (std::size_t word = 0; word < sum_.size(); ++word) {
    std::uint64_t value = 0;
    for (std::size_t byte = 0; byte < 8; ++byte) value = value << 8U | hash.at(word * 8 + byte);
    const std::uint64_t with_carry = value + carry;
    carry = with_carry < carry ? 1 : 0;
    sum_.at(word) += with_carry;
    carry += sum_.at(word) < with_carry ? 1 : 0;
  }
  ++rows_;
}

std::string RowsHash::hex() const {
  std::string out;
  for (const std::uint64_t word : sum_) out += fmt::format("{:016x}", word);
  return out;
}

Result<void> set_formats(pg::Blocking& connection) {
  return connection.execute(
      "set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local intervalstyle = 'postgres'; "
      "set local extra_float_digits = 1; set local bytea_output = 'hex'; set local xmlbinary = 'base64'");
}

Result<std::vector<TableShape>> shapes_of(pg::Blocking& connection, const std::string& schema) {
  BULKHEAD_TRY(const ImportTables tables, read_tables(connection, schema));
  std::vector<TableShape> out;
  for (const auto& [name, table] : tables)
    if (table.tenant) out.push_back(TableShape{name, stored_columns(table), table.primary_key});
  out.push_back(TableShape{std::string(counters_table), {"name", "value"}, {"name"}});
  return out;
}

std::string place_of(const pg::Blocking& connection, const std::string& schema, const std::string& table) {
  if (table == counters_table) return std::string(counters_table);
  return connection.quote_identifier(schema) + "." + connection.quote_identifier(table);
}

std::string identifiers(const pg::Blocking& connection, const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + connection.quote_identifier(name);
  return out;
}

Result<void> copy_rows(pg::Blocking& connection, const std::string& schema, const TableShape& shape,
                       const TenantId& tenant, const std::function<void(std::string_view)>& row) {
  // PostgreSQL sends one record a message.
  return connection.copy_out("copy (select " + identifiers(connection, shape.columns) + " from " +
                                 place_of(connection, schema, shape.name) + " where tenant_id = " +
                                 connection.quote_literal(tenant.text()) + ") to stdout",
                             row);
}

}  // namespace bulkhead::lifecycle::backup
