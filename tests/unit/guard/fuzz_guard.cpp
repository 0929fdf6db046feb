// The guard reads text that a product's code made: whatever it is, the guard answers and does not fall over.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "sql/guard/guard.hpp"
#include "sql/guard/lexer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  static const bulkhead::sql::Relations relations = [] {
    bulkhead::sql::Relation orders;
    orders.name = "orders";
    orders.tenant = true;
    return bulkhead::sql::Relations({orders}, {});
  }();
  auto tokens = bulkhead::sql::tokenize(text);
  if (tokens) {
    // Tokens are in order, not empty, and inside the text.
    std::size_t end = 0;
    for (const auto& token : *tokens) {
      if (token.begin < end || token.end <= token.begin || token.end > text.size()) std::abort();
      end = token.end;
    }
  }
  auto verdict = bulkhead::sql::guard(text, relations);
  // What the bounds refuse never reaches the parser, hence is never accepted.
  if (!tokens && verdict) std::abort();
  return 0;
}
