#include "sql/alike.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/ascii.hpp"

namespace bulkhead::sql {

namespace {

constexpr double alike_enough = 0.33;
constexpr std::size_t looked_at_closely = 50;
constexpr std::size_t length_max = 64;  // PostgreSQL's names are no longer

using Grams = std::map<std::string, int, std::less<>>;

std::string compared(std::string_view text) {
  return lower(text.substr(0, length_max));
}

Grams grams_of(std::string_view text, std::size_t size) {
  const std::string framed = "-" + std::string(text) + "-";
  Grams grams;
  for (std::size_t at = 0; at + size <= framed.size(); ++at) ++grams[framed.substr(at, size)];
  return grams;
}

double length_of(const Grams& grams) {
  double sum = 0;
  for (const auto& [gram, count] : grams) sum += count * count;
  return std::sqrt(sum);
}

double cosine(const Grams& a, const Grams& b) {
  double dot = 0;
  for (const auto& [gram, count] : a)
    if (const auto found = b.find(gram); found != b.end()) dot += count * found->second;
  return dot == 0 ? 0 : dot / (length_of(a) * length_of(b));
}

// 1 for the same text, 0 for texts of which every letter must be changed.
double nearness(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t before = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = before + (a[i - 1] == b[j - 1] ? 0 : 1);
      before = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, changed}));
    }
  }
  const auto longer = static_cast<double>(std::max(a.size(), b.size()));
  return longer == 0 ? 1 : 1 - static_cast<double>(row.back()) / longer;
}

std::string_view by_grams(std::string_view wanted, std::span<const std::string_view> names,
                          std::size_t size) {
  std::vector<std::pair<double, std::string_view>> near;
  const Grams grams = grams_of(wanted, size);
  for (std::string_view name : names)
    if (const double score = cosine(grams, grams_of(compared(name), size)); score > 0)
      near.emplace_back(score, name);
  const auto greater = [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  };
  std::sort(near.begin(), near.end(), greater);
  if (near.size() > looked_at_closely) near.resize(looked_at_closely);
  for (auto& [score, name] : near) score = nearness(wanted, compared(name));
  std::sort(near.begin(), near.end(), greater);
  return near.empty() || near.front().first < alike_enough ? std::string_view() : near.front().second;
}

}  // namespace

std::string_view most_alike(std::string_view name, std::span<const std::string_view> names) {
  const std::string wanted = compared(name);
  for (std::size_t size : {std::size_t{3}, std::size_t{2}})
    if (const std::string_view found = by_grams(wanted, names, size); !found.empty()) return found;
  return {};
}

}  // namespace bulkhead::sql
