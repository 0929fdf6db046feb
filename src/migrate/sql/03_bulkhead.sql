-- Schema bulkhead: what the data plane asks PostgreSQL. Runs as bulkhead_system.

create table if not exists bulkhead.bootstrap (
  only_row boolean primary key default true check (only_row),
  version integer not null,
  digest text not null,
  binding text not null check (binding in ('signed', 'plain')),
  applied_at timestamptz not null default now()
);
-- The login by which servers reach the tenants of this database.
alter table bulkhead.bootstrap add column if not exists login text not null default 'bulkhead_login';

-- "This tenant lives here, at this epoch." Nobody at run time can list it.
create table if not exists bulkhead.residency (
  tenant_id uuid primary key,
  epoch bigint not null check (epoch > 0),
  writable boolean not null default true
);
-- In which schema of this database.
alter table bulkhead.residency add column if not exists schema_name text not null default 'app';
-- A move's states (docs/decisions/0016-move.md): not resident, it has left or has not come yet; the generation is the attempt that
-- may change the row.
alter table bulkhead.residency add column if not exists resident boolean not null default true;
alter table bulkhead.residency add column if not exists generation bigint not null default 0;
-- The operation that last put other rows in the place of the tenant's (`restore --replace`): it does so once.
alter table bulkhead.residency add column if not exists replaced_by uuid;

-- The schemas of this database that hold the app's tables ("targets" of migrations), each at the version of its last
-- migration. Changed in the same transaction as the tables, so that who asks under a snapshot sees both or neither.
create table if not exists bulkhead.target (
  schema_name text primary key,
  version integer not null default 0 check (version >= 0),
  fingerprint text not null default '',  -- of the tables as the last migration left them (drift)
  changed_at timestamptz not null default now()
);

-- HMAC-SHA-256 keys of the tenant context, already xored with the inner and the outer pad (RFC 2104).
create table if not exists bulkhead.binding_key (
  id integer primary key check (id > 0),
  ipad bytea not null check (length(ipad) = 64),
  opad bytea not null check (length(opad) = 64),
  not_after timestamptz not null,
  made_at timestamptz not null default now()
);

create table if not exists bulkhead.counter (
  tenant_id uuid not null,
  name text not null,
  value bigint not null,
  primary key (tenant_id, name)
) with (fillfactor = 50);

create table if not exists bulkhead.migration (
  version integer not null,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now(),
  duration_ms bigint not null
);
alter table bulkhead.migration add column if not exists schema_name text not null default 'app';
alter table bulkhead.migration drop constraint if exists migration_pkey;
alter table bulkhead.migration add constraint migration_pkey primary key (schema_name, version);
grant select on bulkhead.migration to bulkhead_owner;

revoke all on all tables in schema bulkhead from bulkhead_login, app_viewer, app_member, app_admin, app_owner;

-- Does this tenant live here, in this schema, at this epoch (and may it be written), and are the schema's tables those of
-- this version? Answers about what the caller must know. Who rendered a statement for other tables binds nothing.
drop function if exists bulkhead.resides(uuid, bigint, boolean);
create or replace function bulkhead.resides(tenant uuid, epoch bigint, for_write boolean, schema_name text, version integer) returns boolean
language plpgsql stable security definer parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from bulkhead.residency r, bulkhead.target t
                  where r.tenant_id = resides.tenant and r.epoch = resides.epoch and r.resident and (r.writable or not for_write)
                    and r.schema_name = resides.schema_name
                    and t.schema_name = resides.schema_name and t.version = resides.version);
end
$$;
revoke all on function bulkhead.resides(uuid, bigint, boolean, text, integer) from public;
grant execute on function bulkhead.resides(uuid, bigint, boolean, text, integer) to bulkhead_login;

-- The version of a schema's tables; null where there is no such target. The caller must know the schema's (opaque) name.
create or replace function bulkhead.target_version(schema_name text) returns integer
language plpgsql stable security definer parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return (select t.version from bulkhead.target t where t.schema_name = target_version.schema_name);
end
$$;
revoke all on function bulkhead.target_version(text) from public;
grant execute on function bulkhead.target_version(text) to bulkhead_login;

-- Until the transaction's end nobody moves this tenant: a mover takes the same lock exclusively. A function, because SQL
-- that a tenant injects must not take advisory locks, which would stop another tenant (01_roles.sql).
create or replace function bulkhead.lock_tenant(tenant uuid) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock_shared(hashtextextended(tenant::text, 0));
end
$$;
revoke all on function bulkhead.lock_tenant(uuid) from public;
grant execute on function bulkhead.lock_tenant(uuid) to bulkhead_login;

-- hex(HMAC-SHA-256(key, message)); null when there is no such key or it has expired.
create or replace function bulkhead.mac(key integer, message text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select encode(sha256(k.opad || sha256(k.ipad || convert_to(message, 'UTF8'))), 'hex')
    from bulkhead.binding_key k where k.id = key and k.not_after > now()
$$;
revoke all on function bulkhead.mac(integer, text) from public;

-- Adds a signing key, with an id above `above`, and lets the others live on for `overlap`, so that servers that have not read
-- the new one yet go on. The secret is returned, for the catalog, and kept nowhere here.
create or replace function bulkhead.make_binding_key(overlap interval, above integer, out id integer, out secret text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Two version 4 UUIDs: 244 bits of PostgreSQL's strong random source; hashed so that their fixed bits do not show.
  bytes constant bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
  padded constant bytea := bytes || decode(repeat('00', 32), 'hex');
  ipad bytea := padded;
  opad bytea := padded;
begin
  lock table bulkhead.binding_key in share row exclusive mode;
  for i in 0..63 loop
    ipad := set_byte(ipad, i, get_byte(padded, i) # 54);
    opad := set_byte(opad, i, get_byte(padded, i) # 92);
  end loop;
  delete from bulkhead.binding_key k where k.not_after < now();
  update bulkhead.binding_key k set not_after = least(k.not_after, now() + overlap);
  id := greatest(coalesce((select max(k.id) from bulkhead.binding_key k), 0), above) + 1;
  secret := encode(bytes, 'hex');
  insert into bulkhead.binding_key(id, ipad, opad, not_after) values (make_binding_key.id, ipad, opad, 'infinity');
end
$$;
revoke all on function bulkhead.make_binding_key(interval, integer) from public;

-- Whoever changes the keys, and however: bulkhead.tenant_id() is written for them (04_tenant_id_signed.sql).
create or replace function bulkhead.keys_changed() returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform bulkhead.write_tenant_id();
  return null;
end
$$;
revoke all on function bulkhead.keys_changed() from public;
create or replace trigger keys_changed after insert or update or delete or truncate on bulkhead.binding_key
  for each statement execute function bulkhead.keys_changed();

-- For the operator alone: binds a tenant to the rest of this transaction, as the server would, with role `role`.
create or replace function bulkhead.sign_context(tenant uuid, role text, seconds integer default 120) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  key integer;
  message text;
begin
  if (select binding from bulkhead.bootstrap) = 'plain' then
    return tenant::text;
  end if;
  select max(id) into key from bulkhead.binding_key where not_after > now();
  message := tenant || '|' || role || '|' || (extract(epoch from now())::bigint + seconds) || '|' || key;
  return message || '|' || bulkhead.mac(key, message);
end
$$;
revoke all on function bulkhead.sign_context(uuid, text, integer) from public;

-- The next id of one tenant for one kind of row: 1, 2, 3, … A sequence shared by tenants would tell each how much the
-- others do. Concurrent transactions of one tenant queue at its counter until commit; those of others do not meet.
create or replace function bulkhead.next_id(name text) returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  fresh bigint;
begin
  insert into bulkhead.counter as c (tenant_id, name, value) values (bulkhead.tenant_id(), next_id.name, 1)
  on conflict on constraint counter_pkey do update set value = c.value + 1
  returning c.value into fresh;
  return fresh;
end
$$;

-- Rows that came with ids of their own: the counter goes on after the largest.
create or replace function bulkhead.raise_counter(name text, at_least bigint) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  tenant constant uuid := bulkhead.tenant_id();
begin
  if at_least is null or tenant is null
     or exists (select from bulkhead.counter c where c.tenant_id = tenant and c.name = raise_counter.name and c.value >= at_least) then
    return;
  end if;
  insert into bulkhead.counter as c (tenant_id, name, value) values (tenant, raise_counter.name, at_least)
  on conflict on constraint counter_pkey do update set value = greatest(c.value, excluded.value);
end
$$;
revoke all on function bulkhead.next_id(text), bulkhead.raise_counter(text, bigint) from public;
grant execute on function bulkhead.next_id(text), bulkhead.raise_counter(text, bigint) to bulkhead_owner, app_member, app_admin, app_owner;
