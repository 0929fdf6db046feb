-- Schema catalog: which tenants there are, where they live, who belongs to them. Runs as bulkhead_system.
-- (Before the schema bulkhead's functions, which name these tables.)

create table if not exists catalog.cell (
  name text primary key,
  made_at timestamptz not null default now()
);
insert into catalog.cell(name) values ('default') on conflict do nothing;

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
  elsif kind = 'membership' then
    tenant := (case when tg_op = 'DELETE' then to_jsonb(old) else to_jsonb(new) end ->> 'tenant_id')::uuid;
    perform pg_notify('bulkhead_catalog', 'membership ' || tenant);
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
create or replace trigger tell after insert or update or delete on catalog.membership
  for each row execute function catalog.tell('membership');
create or replace trigger tell after update or delete on catalog.app_user
  for each row execute function catalog.tell('user');
-- A new identity is not told: nobody knows it yet but as "not a member", which is believed for a moment only.
create or replace trigger tell after update or delete on catalog.identity
  for each row execute function catalog.tell('user');
