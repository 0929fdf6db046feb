-- Schema catalog: which tenants there are, where they live, who belongs to them. Runs as bulkhead_system.
-- (Before the schema bulkhead's functions, which name these tables.)

-- A PostgreSQL instance that hosts placements. 'default' is the catalog's own: its addresses are empty.
create table if not exists catalog.cell (
  name text primary key,
  made_at timestamptz not null default now()
);
alter table catalog.cell
  add column if not exists region text not null default '',
  add column if not exists admin_url text not null default '',  -- the operator's; may hold a password
  add column if not exists data_url text not null default '',   -- where servers reach it, a pooler perhaps: no user, no password, no database
  add column if not exists pooler boolean not null default false,  -- data_url leads to a transaction pooler
  add column if not exists status text not null default 'open' check (status in ('open', 'closed')),  -- closed: takes no new tenants
  add column if not exists row_max integer check (row_max >= 0),       -- tenants of each model that it may hold; null: no bound
  add column if not exists schema_max integer check (schema_max >= 0),
  add column if not exists silo_max integer check (silo_max >= 0);
insert into catalog.cell(name) values ('default') on conflict do nothing;

-- A database that holds placements, with the one login by which servers reach it.
--   pool   the row model's: the app's tables, shared, in schema app
--   shard  of the schema model: up to catalog.setting 'shard_schemas' schemas t_…, one a tenant
--   silo   one tenant's, its tables in schema app
create table if not exists catalog.database (
  cell text not null references catalog.cell(name),
  name text not null,
  kind text not null check (kind in ('pool', 'shard', 'silo')),
  state text not null default 'making' check (state in ('making', 'ready', 'dropping')),
  login text not null,
  password text not null default '',
  key_id integer not null default 0,      -- the newest signing key of bulkhead.binding_key there
  key_secret text not null default '',    -- its 32 bytes, hex
  made_at timestamptz not null default now(),
  primary key (cell, name)
);

-- Targets of migrations that the last run set aside, with why; a database that could not be asked has no schema here.
create table if not exists catalog.target_failure (
  cell text not null references catalog.cell(name) on delete cascade,
  database_name text not null,
  schema_name text not null,
  version integer not null,  -- at which it was left
  error text not null,
  at timestamptz not null default now(),
  primary key (cell, database_name, schema_name)
);

-- What a tenant's plan decides. `pool`: how many placements of its model are kept ready for sign-ups.
create table if not exists catalog.plan (
  name text primary key check (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
  model text not null default 'row' check (model in ('row', 'schema', 'silo')),
  cell text references catalog.cell(name),
  region text not null default '',
  pool integer not null default 0 check (pool between 0 and 10000),
  made_at timestamptz not null default now()
);
insert into catalog.plan(name) values ('standard') on conflict do nothing;

-- A placement that waits for its tenant, whose id is chosen already: residency there names it. Taken by sign-up.
create table if not exists catalog.slot (
  tenant_id uuid primary key default gen_random_uuid(),
  model text not null check (model in ('row', 'schema', 'silo')),
  cell text not null,
  database_name text not null,
  schema_name text not null,
  state text not null default 'making' check (state in ('making', 'ready', 'dropping')),
  made_at timestamptz not null default now(),
  foreign key (cell, database_name) references catalog.database(cell, name)
);
create unique index if not exists slot_schema on catalog.slot(cell, database_name, schema_name) where model <> 'row';
create index if not exists slot_ready on catalog.slot(model, cell) where state = 'ready';

create table if not exists catalog.tenant (
  id uuid primary key default gen_random_uuid(),
  slug text not null unique check (slug ~ '^[a-z]([a-z0-9-]{1,61})[a-z0-9]$' and slug !~ '--'),
  name text not null check (length(name) between 1 and 200),
  plan text not null default 'standard',
  status text not null default 'active' check (status in ('active', 'suspended', 'deleting')),
  suspended_reason text not null default '',
  made_at timestamptz not null default now()
);

create table if not exists catalog.placement (
  tenant_id uuid primary key references catalog.tenant(id) on delete cascade,
  model text not null default 'row' check (model in ('row', 'schema', 'silo')),
  cell text not null default 'default' references catalog.cell(name),
  database_name text not null,
  schema_name text not null,
  epoch bigint not null default 1 check (epoch > 0)
);
create unique index if not exists placement_schema on catalog.placement(cell, database_name, schema_name) where model <> 'row';
create index if not exists placement_cell on catalog.placement(cell, model);

create table if not exists catalog.app_user (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  status text not null default 'active' check (status in ('active', 'suspended')),
  made_at timestamptz not null default now()
);

-- How a user is known outside: by (issuer, subject) of a verified token. A user may have several.
create table if not exists catalog.identity (
  issuer text not null,
  subject text not null,
  user_id uuid not null references catalog.app_user(id) on delete cascade,
  primary key (issuer, subject)
);
create index if not exists identity_user on catalog.identity(user_id);

create table if not exists catalog.membership (
  tenant_id uuid not null references catalog.tenant(id) on delete cascade,
  user_id uuid not null references catalog.app_user(id) on delete cascade,
  role text not null check (role in ('owner', 'admin', 'member', 'viewer')),
  status text not null default 'active' check (status in ('active', 'suspended')),
  made_at timestamptz not null default now(),
  primary key (tenant_id, user_id)
);
create index if not exists membership_user on catalog.membership(user_id);

create table if not exists catalog.setting (
  name text primary key,
  value text not null
);

-- Passwords and keys that every server process with the operator's URL must find. No run-time role reads it.
create table if not exists catalog.credential (
  name text primary key,
  secret text not null,
  made_at timestamptz not null default now()
);

-- The development issuer's signing keys (only `bulkhead dev` fills it).
create table if not exists catalog.dev_issuer_key (
  kid text primary key,
  private_pem text not null,
  made_at timestamptz not null default now()
);

revoke all on all tables in schema catalog from bulkhead_catalog, bulkhead_login, bulkhead_owner, app_viewer, app_member, app_admin, app_owner;
grant select on catalog.tenant, catalog.placement, catalog.app_user, catalog.identity, catalog.membership to bulkhead_catalog;

-- What a server needs to know to reach the placements of a database. It holds secrets: for the servers' login alone.
create or replace view catalog.home as
  select d.cell, d.name, d.kind, d.login, d.password, d.key_id, d.key_secret, c.data_url, c.pooler
    from catalog.database d join catalog.cell c on c.name = d.cell
   where d.state = 'ready';
revoke all on catalog.home from bulkhead_login, bulkhead_owner, app_viewer, app_member, app_admin, app_owner;
grant select on catalog.home to bulkhead_catalog;

-- Servers keep a view in memory; they are told what to forget. The payload is an opaque id, read again under privileges.
create or replace function catalog.tell() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  kind constant text := tg_argv[0];
  tenant uuid;
begin
  if kind = 'tenant' then
    tenant := case when tg_table_name = 'tenant' then (case when tg_op = 'DELETE' then to_jsonb(old) else to_jsonb(new) end ->> 'id')
                   else (case when tg_op = 'DELETE' then to_jsonb(old) else to_jsonb(new) end ->> 'tenant_id') end::uuid;
    perform pg_notify('bulkhead_catalog', 'tenant ' || tenant);
  elsif kind = 'key' then
    perform pg_notify('bulkhead_catalog', 'key');
  elsif kind = 'membership' then
    tenant := (case when tg_op = 'DELETE' then to_jsonb(old) else to_jsonb(new) end ->> 'tenant_id')::uuid;
    perform pg_notify('bulkhead_catalog', 'membership ' || tenant || ' ' ||
                      (case when tg_op = 'DELETE' then to_jsonb(old) else to_jsonb(new) end ->> 'user_id'));
  elsif kind = 'domain' then
    -- The owner's id alone: which hosts a tenant has is nobody's to hear who may only LISTEN.
    tenant := (case when tg_op = 'DELETE' then to_jsonb(old) else to_jsonb(new) end ->> 'tenant_id')::uuid;
    perform pg_notify('bulkhead_catalog', 'domain ' || tenant);
  else
    -- A user or an identity: a member of any number of tenants.
    perform pg_notify('bulkhead_catalog', 'user');
  end if;
  return null;
end
$$;

create or replace trigger tell after insert or update or delete on catalog.tenant
  for each row execute function catalog.tell('tenant');
create or replace trigger tell after insert or update or delete on catalog.placement
  for each row execute function catalog.tell('tenant');
-- Logins, keys and addresses of databases, which servers have read.
create or replace trigger tell after update of login, password, key_id, key_secret or delete on catalog.database
  for each statement execute function catalog.tell('key');
create or replace trigger tell after update of data_url, pooler on catalog.cell
  for each statement execute function catalog.tell('key');
create or replace trigger tell after insert or update or delete on catalog.membership
  for each row execute function catalog.tell('membership');
create or replace trigger tell after update or delete on catalog.app_user
  for each row execute function catalog.tell('user');
-- A new identity is not told: nobody knows it yet but as "not a member", which is believed for a moment only.
create or replace trigger tell after update or delete on catalog.identity
  for each row execute function catalog.tell('user');
