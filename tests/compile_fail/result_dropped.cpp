// Fails with: ignoring return value
#include <bulkhead/json.hpp>

#include "relations.hpp"

#ifdef GOOD
bool handler() {
  return parse_json("{}").has_value();
}
#else
void handler() {
  parse_json("{}");
}
#endif
