#pragma once

#include <string_view>
#include <vector>

/// Statements with `co_await` that g++ 12.2 is known to miscompile, and their neighbours that it gets right.
/// The compiler that builds the server must get all of them right.
namespace probes {

struct Probe {
  std::string_view name;  ///< The pattern, as an identifier.
  bool (*run)();      ///< Whether every object was destroyed once, where it lived, and the value was right.
  bool gcc12 = true;  ///< Whether g++ 12.2 gets it right.
};

[[nodiscard]] const std::vector<Probe>& all();

}  // namespace probes
