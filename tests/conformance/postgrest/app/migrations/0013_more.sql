-- A table in parts, a function that returns a domain over a composite type, and one whose constraint is checked in the end.
create table sale (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  year integer not null,
  note text,
  primary key (tenant_id, id, year)
) partition by range (year);
create table sale_2025 partition of sale for values from (2025) to (2026);
create table sale_2026 partition of sale for values from (2026) to (2027);
select bulkhead.tenant_table('sale');
select bulkhead.tenant_table('sale_2025');
select bulkhead.tenant_table('sale_2026');

create domain whole_spot as spot;
create function spot_domain() returns whole_spot language sql immutable set search_path = pg_catalog, app, pg_temp as $$ select row(10, 5)::spot $$;

create table booth (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  seat integer not null,
  primary key (tenant_id, id),
  unique (tenant_id, seat) deferrable initially deferred
);
select bulkhead.tenant_table('booth');
grant execute on function spot_domain() to app_viewer, app_member, app_admin, app_owner;
