#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::test {

/// A message of pgoutput, made by hand.
class PgoutputMessage {
 public:
  explicit PgoutputMessage(char kind) : text_(1, kind) {}
  PgoutputMessage& number(std::uint64_t value, int bytes) {
    for (int at = bytes - 1; at >= 0; --at) text_.push_back(static_cast<char>(value >> 8 * at & 255U));
    return *this;
  }
  PgoutputMessage& byte(char value) {
    text_.push_back(value);
    return *this;
  }
  PgoutputMessage& name(std::string_view value) {
    text_ += value;
    text_.push_back('\0');
    return *this;
  }
  PgoutputMessage& bytes(std::string_view value) {
    text_ += value;
    return *this;
  }
  /// nullopt: NULL.
  PgoutputMessage& row(std::initializer_list<std::optional<std::string_view>> values) {
    number(values.size(), 2);
    for (const auto& value : values) {
      if (!value) {
        byte('n');
        continue;
      }
      byte('t').number(value->size(), 4).bytes(*value);
    }
    return *this;
  }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

/// The relation app.ticket(tenant_id, id, body): its first two columns are the key.
inline std::string ticket_relation(std::uint32_t oid = 7) {
  PgoutputMessage out('R');
  out.number(oid, 4).name("app").name("ticket").byte('d').number(3, 2);
  out.byte(1).name("tenant_id").number(2950, 4).number(0xffffffff, 4);
  out.byte(1).name("id").number(20, 4).number(0xffffffff, 4);
  out.byte(0).name("body").number(25, 4).number(0xffffffff, 4);
  return out.text();
}

}  // namespace bulkhead::test
