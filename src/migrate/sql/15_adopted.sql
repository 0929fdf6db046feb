-- In an adopted database: what a server asks about its schemas. Runs as bulkhead_system, after bulkhead.adopt_look is made.
alter table bulkhead.target
  add column if not exists tenant_column text not null default 'tenant_id',
  add column if not exists shared_tables text[] not null default '{}',
  add column if not exists hidden_tables text[] not null default '{}',
  add column if not exists bound_roles text[] not null default '{}';

-- Policies name it for every session, and so everybody may call it: without a context it says nothing.
grant execute on function bulkhead.tenant_id() to public;

revoke all on function bulkhead.adopt_look(text, text, text[], text[], text[]) from public;

-- The tenant's column of an adopted schema, and which of its relations are not to be served: those that are hidden, and those
-- that do not keep tenants apart (any more). At least one row; null: no such relation.
create or replace function bulkhead.adopted(schema_name text) returns table(tenant_column text, left_out text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  t bulkhead.target;
begin
  select * into t from bulkhead.target x where x.schema_name = adopted.schema_name;
  return query
    with look as (
      select * from bulkhead.adopt_look(t.schema_name, t.tenant_column, t.shared_tables, t.hidden_tables, t.bound_roles) l where l.level = 'error'
    )
    select t.tenant_column, null::text
    union all
    select t.tenant_column, l.relation from look l where l.relation is not null
    union all
    select t.tenant_column, h from unnest(t.hidden_tables) h
    union all
    -- A role that stands above row-level security could read them all.
    select t.tenant_column, c.relname::text from pg_class c
     where c.relnamespace = to_regnamespace(quote_ident(t.schema_name)) and exists (select from look l where l.rule = 'role-statement');
end
$$;
revoke all on function bulkhead.adopted(text) from public;
grant execute on function bulkhead.adopted(text) to bulkhead_login;

-- As 03_bulkhead.sql has it, and for a login alone that the floor knows: where somebody took its membership away, nobody is bound.
create or replace function bulkhead.resides(tenant uuid, epoch bigint, for_write boolean, schema_name text, version integer) returns boolean
language plpgsql stable security definer parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_has_role(session_user, 'bulkhead_served', 'member')
         and exists (select from bulkhead.residency r, bulkhead.target t
                      where r.tenant_id = resides.tenant and r.epoch = resides.epoch and r.resident and (r.writable or not for_write)
                        and r.schema_name = resides.schema_name
                        and t.schema_name = resides.schema_name and t.version = resides.version);
end
$$;
