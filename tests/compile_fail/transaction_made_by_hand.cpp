// Fails with: implicit default constructor|no matching constructor|calling a private constructor|has no
// default constructor
#include "relations.hpp"

#ifdef GOOD
Task<Result<std::uint64_t>> handler(Transaction& transaction) {
  auto statement = delete_from(track).where(track.track_id == 5);
  co_return co_await transaction.run(std::move(statement));
}
#else
void handler() {
  Transaction transaction;
}
#endif
