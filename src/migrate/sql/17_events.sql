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
