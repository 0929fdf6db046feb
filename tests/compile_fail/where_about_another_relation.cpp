// Fails with: a condition about another relation
#include "relations.hpp"

#ifdef GOOD
auto handler() {
  return select(track.name).from(track).where(track.album_id == 5);
}
#else
auto handler() {
  return select(track.name).from(track).where(album.album_id == 5);
}
#endif
