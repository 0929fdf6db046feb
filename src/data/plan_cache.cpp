#include "data/plan_cache.hpp"

#include <algorithm>
#include <utility>

#include <bulkhead/json.hpp>

namespace bulkhead::data {

namespace {

const pg::ShapeRef& made_once(pg::ShapeRef& shape, const std::string& text) {
  if (!shape) shape = std::make_shared<const pg::Shape>(text);
  return shape;
}

bool same(const std::vector<sql::OutputColumn>& a, const std::vector<sql::OutputColumn>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i].kind != b[i].kind || a[i].name != b[i].name) return false;
  return true;
}

std::shared_ptr<const OutputShape> shape_of(std::vector<sql::OutputColumn> columns) {
  auto made = std::make_shared<OutputShape>();
  made->columns = std::move(columns);
  made->keys.reserve(made->columns.size());
  for (const sql::OutputColumn& column : made->columns) {
    std::string key(1, made->keys.empty() ? '{' : ',');
    append_json_string(key, column.name);
    made->keys.push_back(std::move(key += ':'));
  }
  return made;
}

// The same statement with and without its count are two entries, and so is a call that may write and one that may not.
std::string key_of(const std::string& text, const std::string& count_text, bool read_only) {
  std::string key = read_only ? "r:" + text : text;
  if (!count_text.empty()) key.append("\n").append(count_text);
  return key;
}

// Large ones are those of many rows in one request, which are all different.
constexpr std::size_t fingerprint_max = 8192;

std::string known_key(const sql::Fingerprint& asked, const sql::Relations& relations,
                      std::string_view schema) {
  const std::uint64_t id = relations.id();
  std::string key(reinterpret_cast<const char*>(&id), sizeof id);
  key.reserve(sizeof id + schema.size() + 1 + asked.key.size());
  key.append(schema).push_back('\0');  // no name has a NUL
  return key += asked.key;
}

}  // namespace

const pg::ShapeRef& Prepared::shape(Role role) {
  return made_once(shapes_[static_cast<std::size_t>(role)], text);
}

const pg::ShapeRef& Prepared::count_shape(Role role) {
  return made_once(count_shapes_[static_cast<std::size_t>(role)], count_text);
}

void Prepared::took(double microseconds) noexcept {
  mean_us = samples == 0 ? microseconds : mean_us + (microseconds - mean_us) / 16;
  ++samples;
}

std::optional<PlanCache::Sources> PlanCache::sources_of(
    const sql::Fingerprint& asked, const pg::Params& params, bool tenant_param,
    const std::vector<std::optional<sql::ValueRef>>& sources) {
  Sources made;
  made.reserve(params.size());
  if (tenant_param) made.emplace_back();
  if (made.size() + sources.size() != params.size()) return std::nullopt;
  for (const std::optional<sql::ValueRef>& source : sources) {
    Source& added = made.emplace_back();
    if (!source) {
      added.kind = Source::Kind::constant;
      const char* text = params.value(made.size() - 1);
      if (text) added.constant = text;
      continue;
    }
    const auto at = std::find(asked.values.begin(), asked.values.end(), *source);
    // A value of a copy: it cannot be found in the next statement.
    if (at == asked.values.end()) return std::nullopt;
    added.kind = Source::Kind::value;
    added.place = static_cast<std::size_t>(at - asked.values.begin());
  }
  return made;
}

pg::Params PlanCache::params_of(const Sources& sources, const sql::Fingerprint& asked,
                                std::string_view tenant) {
  pg::Params params;
  params.reserve(sources.size(), 128);
  for (const Source& source : sources) {
    switch (source.kind) {
      case Source::Kind::tenant:
        params.add(tenant);
        break;
      case Source::Kind::constant:
        sql::add_value(params, &source.constant);
        break;
      case Source::Kind::value:
        sql::add_value(params, asked.values[source.place]);
        break;
    }
  }
  return params;
}

std::optional<Planned> PlanCache::known(const sql::Fingerprint& asked, const sql::Relations& relations,
                                        std::string_view schema, std::string_view tenant) {
  if (asked.key.size() > fingerprint_max) return std::nullopt;
  const std::string key = known_key(asked, relations, schema);
  const auto found = known_.find(key);
  if (found == known_.end()) return std::nullopt;
  known_order_.splice(known_order_.begin(), known_order_, found->second);
  const Known& entry = known_order_.front();
  Planned planned;
  planned.prepared = entry.prepared;
  planned.output = entry.output;
  planned.params = params_of(entry.params, asked, tenant);
  planned.count_params = params_of(entry.count_params, asked, tenant);
  return planned;
}

Planned PlanCache::plan(const sql::Fingerprint& asked, const sql::Relations& relations,
                        sql::Rendered rendered, std::string_view schema) {
  ++rendered_;
  std::optional<Sources> params, count_params = Sources();
  if (asked.key.size() <= fingerprint_max) {
    params = sources_of(asked, rendered.params, rendered.tenant_param, rendered.sources);
    if (!rendered.count_text.empty())
      count_params =
          sources_of(asked, rendered.count_params, rendered.count_tenant_param, rendered.count_sources);
  }
  Planned planned = shaped(std::move(rendered), schema);
  if (!params || !count_params) return planned;
  std::string key = known_key(asked, relations, schema);
  if (known_.contains(key)) return planned;
  known_order_.push_front(
      {std::move(key), planned.prepared, planned.output, std::move(*params), std::move(*count_params)});
  known_.emplace(known_order_.front().key, known_order_.begin());
  if (known_order_.size() > max_) {
    known_.erase(known_order_.back().key);
    known_order_.pop_back();
  }
  return planned;
}

Planned PlanCache::shaped(sql::Rendered rendered, std::string_view schema) {
  Planned planned;
  planned.params = std::move(rendered.params);
  planned.count_params = std::move(rendered.count_params);
  std::string key = key_of(rendered.text, rendered.count_text, rendered.read_only);
  if (auto found = by_text_.find(key); found != by_text_.end()) {
    order_.splice(order_.begin(), order_, found->second);
    planned.prepared = order_.front();
    const std::shared_ptr<const OutputShape>& known = planned.prepared->output;
    planned.output = same(known->columns, rendered.outputs) ? known : shape_of(std::move(rendered.outputs));
    return planned;
  }
  auto made = std::make_shared<Prepared>();
  made->schema = schema;
  made->text = std::move(rendered.text);
  made->count_text = std::move(rendered.count_text);
  made->guards = std::move(rendered.guards);
  made->own_guard = rendered.own_guard;
  made->writes = rendered.writes;
  made->read_only = rendered.read_only;
  made->tells_inserted = rendered.tells_inserted;
  made->tells_total = rendered.tells_total;
  made->output = shape_of(std::move(rendered.outputs));
  order_.push_front(made);
  by_text_.emplace(std::move(key), order_.begin());
  if (order_.size() > max_) {
    const Prepared& oldest = *order_.back();
    by_text_.erase(key_of(oldest.text, oldest.count_text, oldest.read_only));
    order_.pop_back();
  }
  planned.output = made->output;
  planned.prepared = std::move(made);
  return planned;
}

}  // namespace bulkhead::data
