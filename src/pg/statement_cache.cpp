#include "pg/statement_cache.hpp"

namespace bulkhead::pg {

const StatementCache::Entry* StatementCache::use(std::uint64_t shape) {
  const auto found = by_shape_.find(shape);
  if (found == by_shape_.end()) return nullptr;
  if (found->second != order_.begin()) order_.splice(order_.begin(), order_, found->second);
  return &order_.front();
}

void StatementCache::enter(std::uint64_t shape, std::uint64_t number) {
  const auto found = by_shape_.find(shape);
  if (found != by_shape_.end()) order_.erase(found->second);
  order_.push_front(Entry{shape, number, false});
  by_shape_[shape] = order_.begin();
}

bool StatementCache::confirm(std::uint64_t shape, std::uint64_t number) {
  const auto found = by_shape_.find(shape);
  if (found == by_shape_.end() || found->second->number != number) return false;
  found->second->confirmed = true;
  return true;
}

bool StatementCache::confirmed(std::uint64_t shape, std::uint64_t number) const {
  const auto found = by_shape_.find(shape);
  return found != by_shape_.end() && found->second->number == number && found->second->confirmed;
}

bool StatementCache::forget(std::uint64_t shape, std::uint64_t number) {
  const auto found = by_shape_.find(shape);
  if (found == by_shape_.end() || found->second->number != number) return false;
  order_.erase(found->second);
  by_shape_.erase(found);
  return true;
}

std::optional<StatementCache::Entry> StatementCache::evict() {
  if (order_.size() <= capacity_) return std::nullopt;
  const Entry last = order_.back();
  by_shape_.erase(last.shape);
  order_.pop_back();
  return last;
}

void StatementCache::clear() {
  order_.clear();
  by_shape_.clear();
}

}  // namespace bulkhead::pg
