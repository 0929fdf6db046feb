// Messages of PostgreSQL's replication stream: each begins with its length in two bytes, so that one input is a stream of
// several, and a relation may change between two rows.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "journal/pgoutput.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace bulkhead;

void require(bool holds) {
  if (!holds) std::abort();
}

/// Every view lies within the message, and a row has as many values as its relation has columns.
void check(std::string_view message, const journal::RelationRef& relation, const journal::Tuple& row) {
  require(relation != nullptr);
  require(row.empty() || row.size() == relation->columns.size());
  for (const journal::Value& value : row) {
    if (value.text.empty()) continue;
    require(value.text.data() >= message.data());
    require(value.text.data() + value.text.size() <= message.data() + message.size());
  }
}

void check(std::string_view message, const journal::Message& decoded) {
  if (const auto* insert = std::get_if<journal::Insert>(&decoded))
    check(message, insert->relation, insert->row);
  if (const auto* gone = std::get_if<journal::Delete>(&decoded)) check(message, gone->relation, gone->old);
  if (const auto* update = std::get_if<journal::Update>(&decoded)) {
    check(message, update->relation, update->row);
    check(message, update->relation, update->old);
  }
  if (const auto* truncate = std::get_if<journal::Truncate>(&decoded))
    for (const auto& relation : truncate->relations) require(relation != nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  journal::Decoder decoder;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (rest.size() >= 2) {
    const auto length = static_cast<std::size_t>(static_cast<unsigned char>(rest[0])) * 256 +
                        static_cast<unsigned char>(rest[1]);
    const std::string_view message = rest.substr(2, length);
    rest.remove_prefix(2 + message.size());
    const auto decoded = decoder.decode(message);
    if (decoded.has_value()) check(message, *decoded);
  }
  return 0;
}
