// Fails with: a column of another relation than the one in from
#include "relations.hpp"

#ifdef GOOD
auto handler() {
  return select(track.name).from(track);
}
#else
auto handler() {
  return select(album.title).from(track);
}
#endif
