// Fails with: this column is not among those that the statement selects or returns
#include "relations.hpp"

#ifdef GOOD
std::string handler(const Row<decltype(track_t::name)>& row) {
  return row[track.name];
}
#else
auto handler(const Row<decltype(track_t::name)>& row) {
  return row[track.track_id];
}
#endif
