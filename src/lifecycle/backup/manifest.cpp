#include "lifecycle/backup/manifest.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/json.hpp"

namespace bulkhead::lifecycle::backup {
namespace {

namespace json = boost::json;

constexpr std::string_view format_name = "bulkhead-backup/1";

json::array texts(const std::vector<std::string>& from) {
  json::array out;
  for (const auto& text : from) out.push_back(json::string(text));
  return out;
}

std::vector<std::string> texts_of(const json::value& from) {
  std::vector<std::string> out;
  for (const auto& text : from.as_array()) out.emplace_back(text.as_string());
  return out;
}

/// Throws where there is none: a manifest that lacks something is none.
std::string text_of(const json::object& from, std::string_view key) {
  return std::string(from.at(key).as_string());
}

Part part_of(const json::object& from) {
  Part out;
  out.shape.name = text_of(from, "table");
  out.shape.columns = texts_of(from.at("columns"));
  out.shape.key = texts_of(from.at("key"));
  out.object = text_of(from, "object");
  out.rows = from.at("rows").to_number<std::uint64_t>();
  out.rows_hash = text_of(from, "rows_hash");
  out.sealed.bytes = from.at("bytes").to_number<std::uint64_t>();
  out.sealed.sha256 = text_of(from, "sha256");
  return out;
}

Error not_one() {
  return Error(Errc::import_failed, "the manifest is not one of this version of Bulkhead")
      .hint("use the version that made the backup");
}

}  // namespace

std::uint64_t Manifest::rows() const {
  std::uint64_t out = 0;
  for (const auto& part : parts) out += part.rows;
  return out;
}

std::uint64_t Manifest::bytes() const {
  std::uint64_t out = 0;
  for (const auto& part : parts) out += part.sealed.bytes;
  return out;
}

std::string manifest_key(const BaseName& base) {
  return base.folder + "manifest";
}

std::string manifest_text(const Manifest& manifest) {
  json::array parts;
  for (const auto& part : manifest.parts)
    parts.push_back({{"table", part.shape.name},
                     {"columns", texts(part.shape.columns)},
                     {"key", texts(part.shape.key)},
                     {"object", part.object},
                     {"rows", part.rows},
                     {"rows_hash", part.rows_hash},
                     {"bytes", part.sealed.bytes},
                     {"sha256", part.sealed.sha256}});
  const json::object out{
      {"format", format_name},
      {"tenant",
       {{"id", manifest.tenant}, {"slug", manifest.slug}, {"name", manifest.name}, {"plan", manifest.plan}}},
      {"placement",
       {{"model", manifest.model},
        {"cell", manifest.cell},
        {"database", manifest.database},
        {"schema", manifest.schema},
        {"epoch", manifest.epoch}}},
      {"version", manifest.version},
      {"at", moment_text(manifest.at)},
      {"consistent", pg::lsn_text(manifest.consistent)},
      {"parts", std::move(parts)}};
  return json::serialize(out);
}

Result<Manifest> parse_manifest(std::string_view text) {
  const auto parsed = parse_json(text);
  if (parsed.has_error()) return not_one();
  try {
    const auto& from = parsed->as_object();
    if (from.at("format").as_string() != format_name) return not_one();
    const auto& tenant = from.at("tenant").as_object();
    const auto& placement = from.at("placement").as_object();
    Manifest out;
    out.tenant = text_of(tenant, "id");
    out.slug = text_of(tenant, "slug");
    out.name = text_of(tenant, "name");
    out.plan = text_of(tenant, "plan");
    out.model = text_of(placement, "model");
    out.cell = text_of(placement, "cell");
    out.database = text_of(placement, "database");
    out.schema = text_of(placement, "schema");
    out.epoch = placement.at("epoch").to_number<std::int64_t>();
    out.version = from.at("version").to_number<std::int32_t>();
    BULKHEAD_TRY(out.at, parse_moment(text_of(from, "at")));
    const auto consistent = pg::parse_lsn(text_of(from, "consistent"));
    if (!consistent) return not_one();
    out.consistent = *consistent;
    for (const auto& part : from.at("parts").as_array()) out.parts.push_back(part_of(part.as_object()));
    return out;
  } catch (const std::exception&) {
    return not_one();
  }
}

Result<Manifest> read_manifest(cloud::ObjectStore& store, const BaseName& base, const DataKey& key) {
  BULKHEAD_TRY(const std::string text, read_sealed(store, manifest_key(base), key));
  BULKHEAD_TRY(Manifest out, parse_manifest(text));
  // Sealed by us as it is; all the same, what is read must be what was asked for.
  if (out.tenant != base.tenant.text()) return not_one();
  return out;
}

}  // namespace bulkhead::lifecycle::backup
