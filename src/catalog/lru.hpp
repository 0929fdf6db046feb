#pragma once

#include <cstddef>
#include <list>
#include <unordered_map>
#include <utility>

namespace bulkhead::catalog {

/// A bounded map: the entry that was asked for longest ago goes first. Pointers stay valid until their entry
/// goes.
template <class Key, class Value>
class Lru {
 public:
  explicit Lru(std::size_t max) : max_(max) {}

  /// nullptr: not there. Counts as use.
  [[nodiscard]] Value* find(const Key& key) {
    const auto at = index_.find(key);
    if (at == index_.end()) return nullptr;
    order_.splice(order_.begin(), order_, at->second);
    return &at->second->second;
  }
  Value& put(const Key& key, Value value) {
    if (Value* there = find(key)) {
      *there = std::move(value);
      return *there;
    }
    while (order_.size() >= max_ && !order_.empty()) {
      index_.erase(order_.back().first);
      order_.pop_back();
    }
    order_.emplace_front(key, std::move(value));
    index_.emplace(key, order_.begin());
    return order_.front().second;
  }
  void erase(const Key& key) {
    const auto at = index_.find(key);
    if (at == index_.end()) return;
    order_.erase(at->second);
    index_.erase(at);
  }
  template <class F>
  void erase_if(F f) {
    for (auto at = order_.begin(); at != order_.end();) {
      if (!f(at->first, at->second)) {
        ++at;
        continue;
      }
      index_.erase(at->first);
      at = order_.erase(at);
    }
  }
  void clear() {
    index_.clear();
    order_.clear();
  }
  [[nodiscard]] std::size_t size() const noexcept { return order_.size(); }
  template <class F>
  void for_each(F f) {
    for (auto& [key, value] : order_) f(value);
  }

 private:
  std::size_t max_;
  std::list<std::pair<Key, Value>> order_;  // Most recently used first.
  std::unordered_map<Key, typename std::list<std::pair<Key, Value>>::iterator> index_;
};

}  // namespace bulkhead::catalog
