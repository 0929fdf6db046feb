#include "data/plan_cache.hpp"

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

Planned PlanCache::plan(sql::Rendered rendered, std::string_view schema) {
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
