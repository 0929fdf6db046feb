#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "identity/keys.hpp"
#include "identity/verifier.hpp"

namespace bulkhead::identity {

/// Verified tokens by their whole text, so that a request with a known token computes no signature. Only
/// tokens that were found valid enter, so nobody can fill it with rubbish. Bounded by two generations: the
/// young one takes new and used entries; when it is full it becomes the old one and what the old one still
/// held is gone. One thread.
///
/// The comparison need not take constant time. It happens only with an entry whose hash is equal, and the
/// hash is made of bits of the signature: to get that far, an attacker must already know them, and without
/// the private key they cannot be found piece by piece. Tokens that do not match take the path of any unknown
/// token.
class TokenCache {
 public:
  struct Entry {
    ClaimsRef claims;
    PublicKeyRef key;
    std::chrono::system_clock::time_point dies;
    std::size_t issuer = 0;
  };

  explicit TokenCache(std::size_t entries = 50'000, std::size_t bytes = std::size_t{64} << 20)
      : entries_(entries / 2), bytes_(bytes / 2) {}

  /// The entry, or nullptr. Valid until the next call.
  [[nodiscard]] const Entry* find(std::string_view token) {
    if (auto found = young_.find(token); found != young_.end()) return &found->second;
    auto found = old_.find(token);
    if (found == old_.end()) return nullptr;
    auto node = old_.extract(found);
    make_room(node.key().size());
    return &young_.insert(std::move(node)).position->second;
  }

  void insert(std::string token, Entry entry) {
    make_room(token.size());
    young_.insert_or_assign(std::move(token), std::move(entry));
  }

  void erase(std::string_view token) {
    if (auto found = young_.find(token); found != young_.end()) young_.erase(found);
    if (auto found = old_.find(token); found != old_.end()) old_.erase(found);
  }

  void clear() {
    young_.clear();
    old_.clear();
    young_bytes_ = 0;
  }

  [[nodiscard]] std::size_t size() const noexcept { return young_.size() + old_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view token) const noexcept {
      constexpr std::size_t tail = 24;
      if (token.size() < tail) return std::hash<std::string_view>()(token);
      // The end of a token is its signature: as good as random, and 24 characters of it hold 144 bits.
      std::uint64_t words[3];
      std::memcpy(words, token.data() + token.size() - tail, sizeof words);
      std::uint64_t mixed = words[0];
      for (std::uint64_t word : {words[1], words[2]}) {
        mixed = (mixed ^ word) * 0x9e3779b97f4a7c15ULL;
        mixed ^= mixed >> 29;
      }
      return static_cast<std::size_t>(mixed);
    }
  };
  using Map = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;

  /// The claims hold about twice what the token's text does, in many small pieces.
  static constexpr std::size_t cost(std::size_t token_size) { return 3 * token_size + 512; }

  void make_room(std::size_t token_size) {
    if (young_.size() >= entries_ || young_bytes_ + cost(token_size) > bytes_) {
      old_ = std::exchange(young_, Map());
      young_bytes_ = 0;
    }
    young_bytes_ += cost(token_size);
  }

  std::size_t entries_, bytes_;
  Map young_, old_;
  std::size_t young_bytes_ = 0;
};

}  // namespace bulkhead::identity
