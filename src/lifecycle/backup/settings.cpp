#include "lifecycle/backup/settings.hpp"

#include <charconv>

#include "catalog/store.hpp"

namespace bulkhead::lifecycle::backup {
namespace {

constexpr const char* store_name = "backup_store";
constexpr const char* days_name = "backup_keep_days";
constexpr const char* continuous_name = "backup_continuous";

Result<std::string> folder_in(const std::filesystem::path& data_dir) {
  const auto folder = std::filesystem::absolute(data_dir) / "backups";
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  if (code) return Error(Errc::environment, folder.string() + " cannot be made: " + code.message());
  return "file://" + folder.lexically_normal().string();
}

}  // namespace

Result<void> sync_backup_settings(pg::Blocking& catalog, const AppConfig& config) {
  BULKHEAD_CHECK(catalog::set_setting(catalog, store_name, config.backup_store));
  BULKHEAD_CHECK(catalog::set_setting(catalog, days_name, std::to_string(config.backup_keep_days)));
  return catalog::set_setting(catalog, continuous_name, config.backup_continuous ? "true" : "false");
}

Result<std::string> backup_store(pg::Blocking& catalog, const std::string& wanted,
                                 const std::filesystem::path& data_dir) {
  if (!wanted.empty()) return wanted;
  BULKHEAD_TRY(const auto known, catalog::setting(catalog, store_name));
  if (known && !known->empty()) return *known;
  if (!data_dir.empty()) return folder_in(data_dir);
  return Error(Errc::config_invalid, "it is not said where backups are kept")
      .hint(
          "[backup] store = \"file:///path\" in bulkhead.toml, then `bulkhead migrate`; or --store "
          "file:///path");
}

Result<std::uint32_t> backup_keep_days(pg::Blocking& catalog) {
  BULKHEAD_TRY(const auto known, catalog::setting(catalog, days_name));
  std::uint32_t out = AppConfig().backup_keep_days;
  if (known) std::from_chars(known->data(), known->data() + known->size(), out);
  return out;
}

}  // namespace bulkhead::lifecycle::backup
