-- What the writers of tests/faults write. Nothing but their behaviour keeps a row from being there twice.
create table entry (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id uuid not null default gen_random_uuid(),
  writer integer not null,
  seq integer not null,                                    -- the writer's own count
  mark text not null,                                      -- names the attempt, and the tenant it was meant for
  number bigint not null,                                  -- of the tenant's counter
  place bigint generated always as identity,               -- of a sequence
  twice integer generated always as (seq * 2) stored,
  primary key (tenant_id, id)
);
create index entry_of_writer on entry (tenant_id, writer, seq);
select bulkhead.tenant_table('entry');
select bulkhead.tenant_numbered('entry', 'number');

create table counter (
  tenant_id uuid not null default bulkhead.tenant_id(),
  writer integer not null,
  value bigint not null,
  mark text not null,
  ballast text not null,                                   -- so long that it is stored apart, and never changed
  primary key (tenant_id, writer)
);
select bulkhead.tenant_table('counter');

create function bump(which integer) returns bigint
language sql volatile
set search_path = app, pg_temp
as $$
  update counter set value = value + 1 where writer = which returning value
$$;
