-- The journal's readers, and the events that go out. Runs as bulkhead_system, in the catalog's database alone.

-- A database whose journal is read, by the permanent replication slot of that name.
create table if not exists catalog.journal (
  cell text not null references catalog.cell(name) on delete cascade,
  database_name text not null,
  slot text not null,
  id uuid not null,                        -- of the stream: another whenever the replication slot is made anew
  lost boolean not null default false,     -- consumers have still to be told that changes before this stream were lost
  made_at timestamptz not null default now(),
  primary key (cell, database_name)
);

-- A database that is dropped takes its replication slot with it.
create or replace function catalog.forget_journal() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from catalog.journal j where j.cell = old.cell and j.database_name = old.name;
  return null;
end
$$;
create or replace trigger forget_journal after delete on catalog.database
  for each row execute function catalog.forget_journal();

-- What reads it: 'events', 'backup'. Without any, the replication slot is dropped.
alter table catalog.journal add column if not exists uses text not null default '';

-- Where a tenant's events go. The secret signs them: for servers and the operator alone.
create table if not exists catalog.event_endpoint (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null references catalog.tenant(id) on delete cascade,
  url text not null check (length(url) between 1 and 2000),
  secret text not null,
  state text not null default 'active' check (state in ('active', 'disabled')),
  reason text not null default '',         -- why it is disabled
  failures integer not null default 0,     -- since the last delivery
  due timestamptz not null default now(),  -- nothing is sent before
  leased_until timestamptz,                -- a server sends until then
  made_at timestamptz not null default now(),
  unique (tenant_id, url)
);
create index if not exists event_endpoint_due on catalog.event_endpoint(due) where state = 'active';

-- The outbox. In the order of (epoch, place) within a tenant; `epoch` is that of the placement where the change was made.
create sequence if not exists catalog.event_place;
create table if not exists catalog.event (
  place bigint primary key,
  id text not null unique,                 -- stream, commit and ordinal: a change that is told again is no new event
  tenant_id uuid not null references catalog.tenant(id) on delete cascade,
  epoch bigint not null,
  type text not null,
  at timestamptz not null,                 -- of the commit
  body text not null,                      -- the CloudEvent, as it is sent
  made_at timestamptz not null default now()
);
create index if not exists event_tenant on catalog.event(tenant_id, epoch, place);
create index if not exists event_age on catalog.event(made_at);

-- What an endpoint has still to get (pending), or did not take (dead).
create table if not exists catalog.event_delivery (
  endpoint_id uuid not null references catalog.event_endpoint(id) on delete cascade,
  place bigint not null references catalog.event(place) on delete cascade,
  epoch bigint not null,
  state text not null default 'pending' check (state in ('pending', 'dead')),
  attempts integer not null default 0,
  status integer,                          -- of the last answer
  error text not null default '',
  made_at timestamptz not null default now(),
  primary key (endpoint_id, place)
);
create index if not exists event_delivery_next on catalog.event_delivery(endpoint_id, epoch, place) where state = 'pending';
create index if not exists event_delivery_event on catalog.event_delivery(place);

-- A tenant has left a database whose journal is perhaps not read to the end: what the tenant does elsewhere waits for it.
create table if not exists catalog.event_fence (
  tenant_id uuid not null references catalog.tenant(id) on delete cascade,
  epoch bigint not null,                   -- of the placement that it left
  cell text not null,
  database_name text not null,
  lsn pg_lsn,                              -- behind all that the tenant wrote there; null: not asked yet
  made_at timestamptz not null default now(),
  primary key (tenant_id, epoch)
);
create index if not exists event_fence_database on catalog.event_fence(cell, database_name);

create or replace function catalog.fence_events() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Where no journal is read, nothing is on its way.
  insert into catalog.event_fence(tenant_id, epoch, cell, database_name)
    select old.tenant_id, old.epoch, old.cell, old.database_name
     where exists (select from catalog.journal j where j.cell = old.cell and j.database_name = old.database_name)
  on conflict do nothing;
  return null;
end
$$;
create or replace trigger fence_events after update of cell, database_name on catalog.placement
  for each row when ((old.cell, old.database_name) is distinct from (new.cell, new.database_name))
  execute function catalog.fence_events();

-- Takes changes of one database into the outbox, in this order, each for every endpoint of its tenant. What is there already
-- stays as it is; what belongs to no tenant any more is left out. Returns how many are new. `events`: an array of
-- {"id", "tenant", "type", "at", "lsn", "body"}; the body lacks its last member, `sequence`, and its brace.
create or replace function catalog.store_events(cell text, database_name text, events json) returns bigint
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  with given as (
    select g.*, p.tenant_id,
           coalesce((select min(f.epoch) from catalog.event_fence f
                      where f.tenant_id = p.tenant_id and f.cell = store_events.cell and f.database_name = store_events.database_name
                        and (f.lsn is null or g.lsn < f.lsn)),
                    p.epoch) as epoch
      from rows from (json_to_recordset(events) as (id text, tenant uuid, type text, at timestamptz, lsn pg_lsn, body text)) with ordinality
           as g(id, tenant, type, at, lsn, body, n)
      join catalog.placement p on p.tenant_id = g.tenant
  ), placed as (
    select nextval('catalog.event_place') as place, o.* from (select * from given order by n) o
  ), stored as (
    insert into catalog.event (place, id, tenant_id, epoch, type, at, body)
    select d.place, d.id, d.tenant_id, d.epoch, d.type, d.at,
           d.body || ',"sequence":"' || lpad(d.epoch::text, 8, '0') || '-' || lpad(d.place::text, 16, '0') || '"}'
      from placed d order by d.n
    on conflict (id) do nothing
    returning place, tenant_id, epoch
  ), sent as (
    insert into catalog.event_delivery (endpoint_id, place, epoch)
    select e.id, s.place, s.epoch
      from stored s join catalog.event_endpoint e on e.tenant_id = s.tenant_id and e.state = 'active'
  )
  select count(*) from stored
$$;

-- The endpoint that has waited longest for something that may be sent now, leased to the caller; nothing where there is none.
create or replace function catalog.lease_endpoint(seconds integer)
  returns table (endpoint_id uuid, tenant_id uuid, url text, secret text, failures integer)
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  update catalog.event_endpoint e
     set leased_until = now() + make_interval(secs => lease_endpoint.seconds)
   where e.id = (select x.id
                   from catalog.event_endpoint x
                   cross join lateral (select d.epoch from catalog.event_delivery d
                                        where d.endpoint_id = x.id and d.state = 'pending'
                                        order by d.epoch, d.place limit 1) h
                  where x.state = 'active' and x.due <= now() and (x.leased_until is null or x.leased_until < now())
                    and not exists (select from catalog.event_fence f where f.tenant_id = x.tenant_id and f.epoch < h.epoch)
                  order by x.due limit 1
                  for update of x skip locked)
  returning e.id, e.tenant_id, e.url, e.secret, e.failures
$$;

revoke all on function catalog.store_events(text, text, json), catalog.lease_endpoint(integer), catalog.fence_events(),
  catalog.forget_journal() from public;
revoke all on catalog.journal, catalog.event_endpoint, catalog.event, catalog.event_delivery, catalog.event_fence, catalog.event_place
  from bulkhead_catalog, bulkhead_login, bulkhead_owner, app_viewer, app_member, app_admin, app_owner;
