#include "sql/render.hpp"

#include <utility>

#include "sql/renderer.hpp"
#include "sql/writer.hpp"

namespace bulkhead::sql {

Renderer::Renderer(const Relations& relations, std::string_view schema, std::string_view tenant,
                   const Walls& walls, bool tenant_param)
    : relations_(relations), schema_(schema), tenant_(tenant), walls_(walls), tenant_param_(tenant_param) {
  params_.reserve(8, 128);
  if (tenant_param_) params_.add(tenant_);
}

Result<const Relation*> Renderer::relation(std::string_view name) const {
  if (const Relation* found = relations_.find(name)) return found;
  return Error(Errc::relation_unknown, "Could not find the table '" + std::string(api_schema) + "." +
                                           std::string(name) + "' in the schema cache");
}

Result<const Relation*> Renderer::writable(std::string_view name) const {
  BULKHEAD_TRY(const Relation* found, relation(name));
  if (found->tenant) return found;
  // What PostgreSQL would say, without asking it: shared tables are written by migrations only.
  return Error(Errc::permission_denied, "permission denied for table " + found->name).sqlstate("42501");
}

Result<const Column*> Renderer::column(const Relation& of, std::string_view name) const {
  if (const Column* found = of.field(name)) return found;
  return Error(Errc::column_unknown, "column " + of.name + "." + std::string(name) + " does not exist")
      .sqlstate("42703");
}

std::string Renderer::next_alias(char prefix) {
  std::string alias(1, prefix);
  return alias += std::to_string(++aliases_);
}

void Renderer::from(std::string& out, const Scope& scope) {
  if (scope.called) return from_function(out, scope);
  append_identifier(out, schema_);
  out.push_back('.');
  append_identifier(out, scope.function ? scope.function->name : scope.relation->name);
  if (scope.function) out.append("(").append(scope.argument).append(")");
  out.push_back(' ');
  out.append(scope.alias);
}

bool Renderer::tenant_predicate(std::string& out, const Scope& scope) {
  if (!scope.relation->tenant) return false;
  tenant_used_ = true;
  if (walls_.predicate && scope.called) {
    // A function that returns one row and finds none returns a row of NULLs.
    out.push_back('(');
    append_column(out, scope.alias, relations_.tenant_column());
    out.append(" = $1 or ").append(scope.alias).append(" is null)");
  } else if (walls_.predicate) {
    append_column(out, scope.alias, relations_.tenant_column());
    out.append(" = $1");
  } else {
    out.append("$1::uuid is not null");  // the parameter keeps its type while the wall is off
  }
  return true;
}

std::string Renderer::foreign_tenant(std::string_view alias) const {
  std::string out = "nullif(";
  append_column(out, alias, relations_.tenant_column());
  return out += ", $1)::text";
}

void Renderer::parameter(std::string& out, const ValueRef& value) {
  add_value(params_, value);
  sources_.emplace_back(value);
  out.push_back('$');
  out.append(std::to_string(params_.size()));
}

void Renderer::constant(std::string& out, std::string_view value) {
  params_.add(value);
  sources_.emplace_back();
  out.push_back('$');
  out.append(std::to_string(params_.size()));
}

Rendered Renderer::finish(std::string text) {
  Rendered rendered;
  rendered.text = std::move(text);
  rendered.params = std::move(params_);
  rendered.sources = std::move(sources_);
  rendered.tenant_param = tenant_param_;
  rendered.outputs = std::move(columns_);
  if (!walls_.row_check) return rendered;
  rendered.guards = std::move(guards_);
  rendered.own_guard = own_guard_;
  return rendered;
}

namespace {

Result<Rendered> render_with(const statement::Statement& statement, Renderer& renderer) {
  struct Visitor {
    Renderer& renderer;
    Result<Rendered> operator()(const statement::Select& select) const { return renderer.select(select); }
    Result<Rendered> operator()(const statement::Insert& insert) const { return renderer.insert(insert); }
    Result<Rendered> operator()(const statement::Update& update) const { return renderer.update(update); }
    Result<Rendered> operator()(const statement::Delete& remove) const { return renderer.remove(remove); }
    Result<Rendered> operator()(const statement::Call& call) const { return renderer.call(call); }
  };
  return std::visit(Visitor{renderer}, statement);
}

}  // namespace

Result<Rendered> render(const statement::Statement& statement, const Relations& relations,
                        std::string_view schema, std::string_view tenant, const Walls& walls) {
  Renderer renderer(relations, schema, tenant, walls, true);
  Result<Rendered> rendered = render_with(statement, renderer);
  if (rendered.has_error() || renderer.tenant_used()) return rendered;
  // Shared tables alone: PostgreSQL refuses a parameter that no expression uses, so the tenant's is left out.
  Renderer shared(relations, schema, tenant, walls, false);
  return render_with(statement, shared);
}

}  // namespace bulkhead::sql
