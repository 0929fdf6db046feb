-- Backups: the tenants' keys, whose journal is kept, and how much of it. Runs as bulkhead_system; the operator alone uses it.

-- The key that seals a tenant's backups, wrapped by the installation's (catalog.credential 'backup_key'). It goes with the
-- tenant: what was sealed with it can then be read by nobody.
create table if not exists catalog.backup_key (
  tenant_id uuid primary key references catalog.tenant(id) on delete cascade,
  wrapped text not null,
  made_at timestamptz not null default now()
);

-- Tenants whose journal is kept; catalog.setting 'backup_continuous' = 'true' means all of them.
create table if not exists catalog.backup_enabled (
  tenant_id uuid primary key references catalog.tenant(id) on delete cascade,
  made_at timestamptz not null default now()
);

-- How far a database's journal is kept: every change that was committed before `kept` and belongs to a tenant's open stretch
-- stands in the store.
create table if not exists catalog.backup_progress (
  cell text not null references catalog.cell(name) on delete cascade,
  database_name text not null,
  kept pg_lsn not null,
  kept_at timestamptz not null,  -- when what was kept last had been committed
  primary key (cell, database_name)
);

-- From where on a tenant's journal is kept without a gap. `until_at`: it was lost, or ended, after that time.
create table if not exists catalog.backup_stretch (
  tenant_id uuid not null references catalog.tenant(id) on delete cascade,
  cell text not null,
  database_name text not null,
  since pg_lsn not null,
  until_at timestamptz,
  primary key (tenant_id, cell, database_name, since)
);

-- A restored tenant's rows stand in the catalog's own pool already: from now on it is one.
create or replace function catalog.take_filled(tenant uuid, slug text, name text, plan text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into catalog.tenant(id, slug, name, plan) values (take_filled.tenant, take_filled.slug, take_filled.name, take_filled.plan);
  insert into catalog.placement(tenant_id, database_name, schema_name) values (take_filled.tenant, current_database(), 'app');
  insert into bulkhead.residency(tenant_id, epoch) values (take_filled.tenant, 1);
end
$$;

revoke all on catalog.backup_key, catalog.backup_enabled, catalog.backup_progress, catalog.backup_stretch
  from bulkhead_catalog, bulkhead_login, bulkhead_owner, app_viewer, app_member, app_admin, app_owner;
revoke all on function catalog.take_filled(uuid, text, text, text) from public;
