-- Operations, the app's migrations as the catalog keeps them, how a tenant gets its placement, and what stays of one that
-- was deleted. Runs as bulkhead_system; only an administrator uses it.

-- A long piece of the control plane's work, as steps each of which may be repeated. Who works on it holds a session's
-- advisory lock of its id and renews the lease; when the process dies the lock goes, and another takes the work up.
create table if not exists catalog.operation (
  id uuid primary key default gen_random_uuid(),
  kind text not null,
  tenant_id uuid,
  subject text not null,                   -- what it is about, for people: a tenant's slug
  input jsonb not null default '{}',
  state text not null default 'pending' check (state in ('pending', 'running', 'done', 'failed', 'cancelled')),
  step text not null default '',           -- the one that runs or comes next
  steps_done integer not null default 0,
  steps_total integer not null default 0,
  progress jsonb not null default '{}',    -- what the steps so far have found out
  error text not null default '',          -- why the last attempt ended
  result jsonb not null default '{}',
  due timestamptz not null default now(),  -- nobody works on it before
  lease_owner text not null default '',
  lease_until timestamptz,
  actor text not null default '',
  made_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
-- One tenant has one unfinished operation; an export only reads and may stand beside another. A tenant that is being
-- made has no id yet.
create unique index if not exists operation_tenant on catalog.operation(tenant_id, (kind = 'export')) where state in ('pending', 'running');
create unique index if not exists operation_slug on catalog.operation(subject) where kind = 'create' and state in ('pending', 'running');
create index if not exists operation_open on catalog.operation(due) where state in ('pending', 'running');
create index if not exists operation_newest on catalog.operation(made_at desc);

-- As clients read a time.
create or replace function catalog.rfc3339(moment timestamptz) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
$$;

-- The app's migrations, as they were last applied: new placements are made from them.
create table if not exists catalog.app_migration (
  version integer primary key check (version > 0),
  name text not null,
  checksum text not null,
  sql text not null,
  made_at timestamptz not null default now()
);

-- What PostgreSQL keeps of a login's password; empty until housekeeping has seen that the password works. A login may change
-- its own, and so may SQL that somebody injects: housekeeping compares, and puts it back.
alter table catalog.database add column if not exists verifier text not null default '';
create or replace function catalog.password_changed() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  new.verifier := '';
  return new;
end
$$;
create or replace trigger password_changed before update of password on catalog.database
  for each row when (new.password is distinct from old.password) execute function catalog.password_changed();

-- PostgreSQL's own name of the server, so that none is registered twice.
alter table catalog.cell
  add column if not exists server_id text unique,
  add column if not exists opened_at timestamptz;  -- when it was first ready for tenants

-- That a tenant was deleted: the certificate, signed (a JWS of the statement).
create table if not exists catalog.deletion (
  tenant_id uuid primary key,
  slug text not null,
  statement text not null,
  jws text not null,
  made_at timestamptz not null default now()
);
create index if not exists deletion_slug on catalog.deletion(slug);

revoke all on catalog.operation, catalog.app_migration, catalog.deletion
  from bulkhead_catalog, bulkhead_login, bulkhead_owner, app_viewer, app_member, app_admin, app_owner;

-- The open cells that may take one more tenant of this model, emptiest first. Where there is nothing to choose and no
-- bound, nothing is counted.
create or replace function catalog.cells_for(model text, cell text, region text) returns setof text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  candidates constant bigint := (select count(*) from catalog.cell c
                                  where c.status = 'open' and (cells_for.cell in ('', c.name)) and (cells_for.region in ('', c.region)));
begin
  return query
    select c.name
      from (select x.name, case cells_for.model when 'row' then x.row_max when 'schema' then x.schema_max else x.silo_max end as most
              from catalog.cell x
             where x.status = 'open' and (cells_for.cell in ('', x.name)) and (cells_for.region in ('', x.region))) c,
           lateral (select case when candidates = 1 and c.most is null then 0
                                else (select count(*) from catalog.placement p where p.cell = c.name and p.model = cells_for.model)
                                   + (select count(*) from catalog.slot s where s.cell = c.name and s.model = cells_for.model) end as used) n
     where c.most is null or n.used < c.most
     order by n.used, c.name;
end
$$;

-- Makes a tenant in one statement where that is possible: of a placement that waits, or in the pool of the catalog's own
-- database. `outcome`: made; cold (a placement of chosen_model must be made first); or why not: no_plan, slug_taken,
-- busy (`tenant` is then the operation that makes a tenant of this slug), no_room.
create or replace function catalog.place_tenant(slug text, name text, plan text, model text, cell text, region text,
                                                out outcome text, out tenant uuid, out chosen_model text, out chosen_cell text,
                                                out chosen_region text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  of_plan catalog.plan;
  waiting catalog.slot;
begin
  select p.* into of_plan from catalog.plan p where p.name = place_tenant.plan;
  if not found then
    outcome := 'no_plan';
    return;
  end if;
  select o.id into tenant from catalog.operation o
   where o.kind = 'create' and o.subject = place_tenant.slug and o.state in ('pending', 'running');
  if found then
    outcome := 'busy';
    return;
  end if;
  if exists (select from catalog.tenant t where t.slug = place_tenant.slug) then
    outcome := 'slug_taken';
    return;
  end if;
  chosen_model := coalesce(nullif(model, ''), of_plan.model);
  -- A region that is asked for is stronger than the plan's cell.
  chosen_cell := coalesce(nullif(cell, ''), case when region = '' then of_plan.cell end, '');
  chosen_region := case when chosen_cell <> '' then '' else coalesce(nullif(region, ''), of_plan.region) end;

  select s.* into waiting
    from catalog.slot s join catalog.cell c on c.name = s.cell
   where s.state = 'ready' and s.model = chosen_model and c.status = 'open'
     and chosen_cell in ('', s.cell) and chosen_region in ('', c.region)
   limit 1 for update of s skip locked;
  if found then
    tenant := catalog.take_slot(waiting.tenant_id, place_tenant.slug, place_tenant.name, place_tenant.plan);
    outcome := 'made';
    return;
  end if;

  select x into chosen_cell from catalog.cells_for(chosen_model, chosen_cell, chosen_region) x limit 1;
  if not found then
    chosen_cell := coalesce(nullif(cell, ''), case when region = '' then of_plan.cell end, '');
    outcome := 'no_room';
  elsif chosen_model = 'row' and chosen_cell = 'default' then
    tenant := catalog.create_tenant(place_tenant.slug, place_tenant.name, place_tenant.plan);
    outcome := 'made';
  else
    outcome := 'cold';
  end if;
end
$$;

-- The slot becomes this tenant's placement.
create or replace function catalog.take_slot(slot uuid, slug text, name text, plan text) returns uuid
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  taken catalog.slot;
begin
  delete from catalog.slot s where s.tenant_id = slot and s.state <> 'dropping' returning s.* into taken;
  if not found then
    raise exception 'the placement % has gone', slot using errcode = 'no_data_found';
  end if;
  insert into catalog.tenant(id, slug, name, plan) values (taken.tenant_id, take_slot.slug, take_slot.name, take_slot.plan);
  insert into catalog.placement(tenant_id, model, cell, database_name, schema_name)
  values (taken.tenant_id, taken.model, taken.cell, taken.database_name, taken.schema_name);
  return taken.tenant_id;
end
$$;

-- Attempts of moves: each is larger than all before it (docs/decisions/0016-move.md).
create sequence if not exists catalog.move_attempt;
revoke all on catalog.move_attempt from public;

-- Places where tenants lived before they moved. Their rows are kept there for a time, so that the way back is open; nothing
-- binds there. `cleaning`: the way back is closed. No foreign key: what is to be cleaned outlives its tenant.
create table if not exists catalog.former_placement (
  tenant_id uuid not null,
  model text not null check (model in ('row', 'schema', 'silo')),
  cell text not null,
  database_name text not null,
  schema_name text not null,
  state text not null default 'kept' check (state in ('kept', 'wanted', 'cleaning')),  -- wanted: a move goes there
  left_at timestamptz not null default now(),
  until timestamptz not null,
  primary key (tenant_id, cell, database_name)
);
create index if not exists former_placement_until on catalog.former_placement(until);
revoke all on catalog.former_placement from bulkhead_catalog, bulkhead_login, bulkhead_owner, app_viewer, app_member, app_admin, app_owner;

-- A move's last step: the tenant lives at the target from now on, for all servers to know. The place that it left is kept for a time.
-- 'overtaken': the operation is not this owner's any more; 'done': by this move before; else 'moved'.
create or replace function catalog.switch_tenant(operation uuid, owner text, tenant uuid, slot uuid, model text, cell text, database_name text,
                                                 schema_name text, epoch bigint, keep interval, plan text) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  source catalog.placement;
begin
  perform from catalog.operation o where o.id = operation and o.lease_owner = owner and o.state = 'running' for update;
  if not found then
    return 'overtaken';
  end if;
  delete from catalog.slot s where s.tenant_id = slot;
  delete from catalog.former_placement f
   where f.tenant_id = tenant and f.cell = switch_tenant.cell and f.database_name = switch_tenant.database_name;
  select p.* into source from catalog.placement p where p.tenant_id = tenant for update;
  if source.epoch >= switch_tenant.epoch then
    return 'done';
  end if;
  update catalog.placement p
     set model = switch_tenant.model, cell = switch_tenant.cell, database_name = switch_tenant.database_name,
         schema_name = switch_tenant.schema_name, epoch = switch_tenant.epoch
   where p.tenant_id = tenant;
  insert into catalog.former_placement as f (tenant_id, model, cell, database_name, schema_name, until)
  values (tenant, source.model, source.cell, source.database_name, source.schema_name, now() + keep)
  on conflict on constraint former_placement_pkey do update set until = excluded.until, left_at = now(), state = 'kept';
  if plan <> '' then
    update catalog.tenant t set plan = switch_tenant.plan where t.id = tenant;
  end if;
  return 'moved';
end
$$;

-- A tenant lives in this database, or lived there and has left rows.
create or replace function catalog.knows(cell text, database_name text, tenant uuid) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select tenant is not null
         and (exists (select from catalog.placement p where p.tenant_id = tenant and p.cell = knows.cell and p.database_name = knows.database_name)
              or exists (select from catalog.former_placement f where f.tenant_id = tenant and f.cell = knows.cell and f.database_name = knows.database_name))
$$;

-- A place for one more tenant of this model, in state `making`; null: no cell has room. `moving`: not in a database where this
-- tenant lives, or from which it is being removed: a database knows a tenant once.
drop function if exists catalog.reserve_slot(text, text, text);
create or replace function catalog.reserve_slot(model text, cell text, region text, moving uuid default null) returns uuid
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  chosen text;
  place text;
  made uuid;
  most constant bigint := coalesce((select value::bigint from catalog.setting where name = 'shard_schemas'), 128);
  fresh constant text := 'bulkhead_' || case reserve_slot.model when 'silo' then 'silo_' else 'shard_' end || left(translate(gen_random_uuid()::text, '-', ''), 8);
begin
  -- One at a time: what is counted here stays so until the commit.
  perform pg_advisory_xact_lock(hashtextextended('bulkhead reserve', 0));
  for chosen in select x from catalog.cells_for(reserve_slot.model, reserve_slot.cell, reserve_slot.region) x loop
    if reserve_slot.model = 'row' then
      select d.name into place from catalog.database d
       where d.cell = chosen and d.kind = 'pool' and d.state = 'ready' and not catalog.knows(d.cell, d.name, moving) limit 1;
      continue when place is null;
    elsif reserve_slot.model = 'schema' then
      select d.name into place
        from catalog.database d
       where d.cell = chosen and d.kind = 'shard' and d.state in ('making', 'ready') and not catalog.knows(d.cell, d.name, moving)
         and (select count(*) from catalog.placement p where p.model <> 'row' and p.cell = d.cell and p.database_name = d.name)
           + (select count(*) from catalog.former_placement f where f.model <> 'row' and f.cell = d.cell and f.database_name = d.name)
           + (select count(*) from catalog.slot s where s.model <> 'row' and s.cell = d.cell and s.database_name = d.name) < most
       order by d.state desc, d.made_at limit 1;
    end if;
    if place is null then
      insert into catalog.database(cell, name, kind, login)
      values (chosen, fresh, case reserve_slot.model when 'silo' then 'silo' else 'shard' end, fresh);
      place := fresh;
    end if;
    insert into catalog.slot(model, cell, database_name, schema_name)
    values (reserve_slot.model, chosen, place,
            case reserve_slot.model when 'schema' then 't_' || left(translate(gen_random_uuid()::text, '-', ''), 16) else 'app' end)
    returning tenant_id into made;
    return made;
  end loop;
  return null;
end
$$;

revoke all on function catalog.rfc3339(timestamptz), catalog.password_changed(), catalog.cells_for(text, text, text), catalog.place_tenant(text, text, text, text, text, text),
  catalog.take_slot(uuid, text, text, text), catalog.reserve_slot(text, text, text, uuid), catalog.knows(text, text, uuid),
  catalog.switch_tenant(uuid, text, uuid, uuid, text, text, text, text, bigint, interval, text) from public;
