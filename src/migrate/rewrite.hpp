#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::migrate {

/// SQL as it is read for a schema, and where its bytes came from.
struct Rewritten {
  /// Bytes [begin, end) of `text` stand for [from, to) of what was written.
  struct Edit {
    std::size_t begin = 0, end = 0, from = 0, to = 0;
  };
  std::string text;
  std::vector<Edit> edits;  ///< In order.

  /// Where the byte `at` of `text` stood.
  [[nodiscard]] std::size_t original(std::size_t at) const noexcept;
};

/// A migration's SQL with `schema` in the place of the name app: before a dot, after SCHEMA, in the lists of search_path,
/// and in strings that are nothing but a qualified name (`'app.x'`); also within the bodies of functions and DO blocks and
/// in strings that these execute. What else says app (a column, an alias without a dot, data) stays. `schema` must need no
/// quotes. Text that is no SQL comes back as it is, for the server to judge. Pure.
[[nodiscard]] Rewritten rewrite_schema(std::string_view sql, std::string_view schema);

}  // namespace bulkhead::migrate
