// Fails with: a column of another relation
#include "relations.hpp"

#ifdef GOOD
auto handler() {
  return insert_into(track).set(track.name = "x");
}
#else
auto handler() {
  return insert_into(track).set(album.title = "x");
}
#endif
