#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>

namespace bulkhead::pg {

/// Which statements one connection holds prepared, or is about to: least recently used first out. It only
/// counts; the PipelineMachine tells the server. A statement's number is its name on the connection ("b17")
/// and never used twice.
class StatementCache {
 public:
  struct Entry {
    std::uint64_t shape = 0;
    std::uint64_t number = 0;
    bool confirmed = false;  ///< The server has said that it is prepared.
  };

  explicit StatementCache(std::size_t capacity) : capacity_(capacity) {}

  /// The entry of a shape, which becomes the most recently used one. nullptr if there is none.
  [[nodiscard]] const Entry* use(std::uint64_t shape);
  /// Enters a statement that is being prepared, in place of any other of the same shape.
  void enter(std::uint64_t shape, std::uint64_t number);
  /// The server has prepared it. False if the cache no longer holds that very statement.
  [[nodiscard]] bool confirm(std::uint64_t shape, std::uint64_t number);
  /// True if the server has said that it holds that very statement.
  [[nodiscard]] bool confirmed(std::uint64_t shape, std::uint64_t number) const;
  /// Forgets that very statement. False if it was not held.
  bool forget(std::uint64_t shape, std::uint64_t number);
  /// Takes the least recently used entry out if there are more than the capacity.
  [[nodiscard]] std::optional<Entry> evict();
  void clear();

  [[nodiscard]] std::size_t size() const noexcept { return order_.size(); }

 private:
  std::size_t capacity_;
  std::list<Entry> order_;  // Most recently used first.
  std::unordered_map<std::uint64_t, std::list<Entry>::iterator> by_shape_;
};

}  // namespace bulkhead::pg
