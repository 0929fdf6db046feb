-- What migrations call. Runs as bulkhead_system; the functions run as their caller, the owner of the tables.
grant execute on function bulkhead.tenant_id() to bulkhead_owner, app_viewer, app_member, app_admin, app_owner;
revoke all on function bulkhead.tenant_id() from public;

-- Unqualified names mean the schema that is being migrated, whatever the caller's search_path is: the runner says which one.
create or replace function bulkhead.in_target(name text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select case when name like '%.%' then name
              else coalesce(nullif(current_setting('bulkhead.schema', true), ''), 'app') || '.' || name end
$$;

-- Makes a table of the app a tenant's: checks its shape, then row-level security, policies, grants, replica identity.
-- May be repeated, and should be after a change of the table's key.
create or replace function bulkhead.tenant_table(name text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  relation constant regclass := to_regclass(bulkhead.in_target(name));
  first_key name;
  problem text;
  sequence regclass;
  policy constant text := 'tenant_id = (select bulkhead.tenant_id())';
begin
  if relation is null then
    raise exception 'bulkhead.tenant_table(%): there is no such table', quote_literal(name)
      using errcode = '42P01', hint = 'call it after the CREATE TABLE, with the table''s name as you would write it in SQL';
  end if;
  if (select relkind from pg_class where oid = relation) not in ('r', 'p') then
    raise exception 'bulkhead.tenant_table(%): this is not a table', quote_literal(name) using errcode = '42809',
      hint = 'a view needs no call: make it with (security_invoker = true)';
  end if;
  select case
           when a.attname is null then 'it has no column tenant_id'
           when a.atttypid <> 'uuid'::regtype then 'its column tenant_id is not of type uuid'
           when not a.attnotnull then 'its column tenant_id may be null'
           when pg_get_expr(d.adbin, d.adrelid) is distinct from 'bulkhead.tenant_id()' then 'its column tenant_id does not default to bulkhead.tenant_id()'
         end
    into problem
    from (select relation as oid) t
    left join pg_attribute a on a.attrelid = t.oid and a.attname = 'tenant_id' and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = t.oid and d.adnum = a.attnum;
  if problem is not null then
    raise exception 'bulkhead.tenant_table(%): %', quote_literal(name), problem using errcode = '42P16',
      hint = 'declare the column as: tenant_id uuid not null default bulkhead.tenant_id()';
  end if;
  select a.attname into first_key
    from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
   where i.indrelid = relation and i.indisprimary;
  if first_key is distinct from 'tenant_id' then
    raise exception 'bulkhead.tenant_table(%): its primary key %', quote_literal(name),
      case when first_key is null then 'is missing' else 'does not begin with tenant_id' end
      using errcode = '42P16', hint = 'declare: primary key (tenant_id, …)';
  end if;
  select string_agg(quote_ident(c.relname), ', ') into problem
    from pg_index i join pg_class c on c.oid = i.indexrelid
    left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    left join pg_constraint k on k.conindid = i.indexrelid and k.contype = 'x'
   where i.indrelid = relation and (i.indisunique or i.indisexclusion)
     and (a.attname is distinct from 'tenant_id' or k.conexclop[1] <> '=(uuid,uuid)'::regoperator);
  if problem is not null then
    raise exception 'bulkhead.tenant_table(%): unique index(es) % do not begin with tenant_id', quote_literal(name), problem
      using errcode = '42P16', detail = 'A unique key across tenants would tell one that another uses a value.',
            hint = 'put tenant_id first: unique (tenant_id, …), exclude using gist (tenant_id with =, …)';
  end if;
  select string_agg(quote_ident(k.conname), ', ') into problem
    from pg_constraint k
   where k.conrelid = relation and k.contype = 'f'
     and exists (select from pg_attribute a where a.attrelid = k.confrelid and a.attname = 'tenant_id' and not a.attisdropped)
     and not exists (select from unnest(k.conkey, k.confkey) as pair(here, there)
                       join pg_attribute a on a.attrelid = k.conrelid and a.attnum = pair.here and a.attname = 'tenant_id'
                       join pg_attribute b on b.attrelid = k.confrelid and b.attnum = pair.there and b.attname = 'tenant_id');
  if problem is not null then
    raise exception 'bulkhead.tenant_table(%): foreign key(s) % do not carry tenant_id', quote_literal(name), problem
      using errcode = '42P16', detail = 'PostgreSQL checks foreign keys past row-level security: this one could refer to another tenant''s row.',
            hint = 'declare: foreign key (tenant_id, x_id) references x (tenant_id, x_id)';
  end if;

  execute format('alter table %s enable row level security', relation);
  execute format('alter table %s force row level security', relation);
  execute format('alter table %s replica identity default', relation);
  execute format('drop policy if exists bulkhead_tenant on %s', relation);
  execute format('drop policy if exists bulkhead_floor on %s', relation);
  execute format('drop policy if exists bulkhead_migrations on %s', relation);
  execute format('create policy bulkhead_tenant on %s to app_viewer, app_member, app_admin, app_owner using (%s) with check (%s)', relation, policy, policy);
  -- The floor: a permissive policy that a later migration adds can widen nothing.
  execute format('create policy bulkhead_floor on %s as restrictive to app_viewer, app_member, app_admin, app_owner using (%s) with check (%s)', relation, policy, policy);
  -- Migrations may change rows of all tenants. The login is asked for, not the current role: a definer function that
  -- a server's session calls gets nothing by this, whoever owns it.
  execute format('create policy bulkhead_migrations on %s to bulkhead_owner using ((select pg_has_role(session_user, ''bulkhead_owner'', ''member'')))', relation);
  execute format('revoke all on %s from public, bulkhead_login, bulkhead_catalog, app_viewer, app_member, app_admin, app_owner', relation);
  -- A partition is used through its parent alone, whose policies then hold.
  if not (select relispartition from pg_class where oid = relation) then
    execute format('grant select on %s to app_viewer, app_member, app_admin, app_owner', relation);
    execute format('grant insert, update, delete on %s to app_member, app_admin, app_owner', relation);
  end if;
  -- serial columns and explicit sequences of the table; identity columns need no grant.
  for sequence in
    select d.objid::regclass from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S'
     where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = relation and d.deptype = 'a'
  loop
    execute format('revoke all on sequence %s from public', sequence);
    execute format('grant usage on sequence %s to app_member, app_admin, app_owner', sequence);
  end loop;
end
$$;

-- Marks a reference table: all tenants read it, migrations alone write it.
create or replace function bulkhead.shared_table(name text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  relation constant regclass := to_regclass(bulkhead.in_target(name));
begin
  if relation is null then
    raise exception 'bulkhead.shared_table(%): there is no such table', quote_literal(name)
      using errcode = '42P01', hint = 'call it after the CREATE TABLE, with the table''s name as you would write it in SQL';
  end if;
  if exists (select from pg_attribute where attrelid = relation and attname = 'tenant_id' and not attisdropped) then
    raise exception 'bulkhead.shared_table(%): it has a column tenant_id, so its rows are not everybody''s', quote_literal(name)
      using errcode = '42P16', hint = format('call bulkhead.tenant_table(%L) instead, or drop the column', name);
  end if;
  if not exists (select from pg_index where indrelid = relation and indisprimary) then
    raise exception 'bulkhead.shared_table(%): it has no primary key', quote_literal(name) using errcode = '42P16';
  end if;
  execute format('revoke all on %s from public, bulkhead_login, bulkhead_catalog, app_viewer, app_member, app_admin, app_owner', relation);
  execute format('grant select on %s to app_viewer, app_member, app_admin, app_owner', relation);
end
$$;

-- Numbers the rows of a tenant table from 1 within each tenant: the column's default is the tenant's own counter, and
-- rows that come with a number (an import, an API call) push the counter on, so that it never meets them later.
create or replace function bulkhead.tenant_numbered(name text, column_name text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  relation constant regclass := to_regclass(bulkhead.in_target(name));
  schema_name text;
  table_name text;
begin
  select n.nspname, c.relname into schema_name, table_name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = relation;
  if not exists (select from pg_attribute a where a.attrelid = relation and a.attname = tenant_numbered.column_name and a.attnum > 0
                    and not a.attisdropped and a.atttypid in ('integer'::regtype, 'bigint'::regtype)) then
    raise exception 'bulkhead.tenant_numbered(%, %): there is no such integer or bigint column', quote_literal(name), quote_literal(column_name)
      using errcode = '42703';
  end if;
  execute format('alter table %s alter column %I set default bulkhead.next_id(%L)', relation, column_name, table_name);
  execute format($body$
    create or replace function %I.%I() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $trigger$
    begin
      perform bulkhead.raise_counter(%L, (select max(%I) from added));
      return null;
    end $trigger$
  $body$, schema_name, table_name || '_numbered', table_name, column_name);
  execute format('revoke all on function %I.%I() from public', schema_name, table_name || '_numbered');
  execute format('create or replace trigger %I after insert on %s referencing new table as added for each statement execute function %I.%I()',
                 table_name || '_numbered', relation, schema_name, table_name || '_numbered');
end
$$;

revoke all on function bulkhead.in_target(text), bulkhead.tenant_table(text), bulkhead.shared_table(text), bulkhead.tenant_numbered(text, text) from public;
grant execute on function bulkhead.in_target(text), bulkhead.tenant_table(text), bulkhead.shared_table(text), bulkhead.tenant_numbered(text, text) to bulkhead_owner;
