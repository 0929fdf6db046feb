-- Databases that were there before Bulkhead (`bulkhead adopt`), in the catalog. Runs as bulkhead_system.
--   adopted  row tenants, in tables that the app's migrations did not make: never migrated, never dropped
alter table catalog.database drop constraint if exists database_kind_check;
alter table catalog.database add constraint database_kind_check check (kind in ('pool', 'shard', 'silo', 'adopted'));
-- Statements are not kept under a name there, since others than a superuser can read the names (01_everybody.sql).
alter table catalog.database add column if not exists unnamed boolean not null default false;

-- No two adopted schemas are ever at one version, since their tables are not alike (catalog/records.hpp).
create sequence if not exists catalog.adopted_version as integer minvalue 1000000000 start 1000000000;

create or replace view catalog.home as
  select d.cell, d.name, d.kind, d.login, d.password, d.key_id, d.key_secret, c.data_url, c.pooler or d.unnamed as pooler
    from catalog.database d join catalog.cell c on c.name = d.cell
   where d.state = 'ready';
