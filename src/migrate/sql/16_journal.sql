-- The journal: which tables' changes are read out of the write-ahead log. Runs as bulkhead_system; the operator calls it.

-- Adds the tenant tables of a schema, and the tenants' counters, to the publication bulkhead_journal, which is made at the first
-- call. Partitions are told as their parents. Called before a move, a backup or an event needs them, and after each migration of a
-- database that has the publication, in the migration's transaction, so that no change of a new table is missed.
create or replace function bulkhead.publish(schema_name text, only_if_there boolean default false) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  relation regclass;
  added integer := 0;
begin
  if not exists (select from pg_publication where pubname = 'bulkhead_journal') then
    if only_if_there then
      return 0;
    end if;
    -- One at a time.
    perform pg_advisory_xact_lock(hashtextextended('bulkhead journal', 0));
    if not exists (select from pg_publication where pubname = 'bulkhead_journal') then
      create publication bulkhead_journal for table bulkhead.counter with (publish_via_partition_root = true);
    end if;
  end if;
  for relation in
    select c.oid::regclass
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      join pg_publication p on p.pubname = 'bulkhead_journal'
     where n.nspname = publish.schema_name and c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence = 'p'
       and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and a.attnum > 0 and not a.attisdropped)
       and not exists (select from pg_publication_rel r where r.prpubid = p.oid and r.prrelid = c.oid)
     order by c.oid
  loop
    execute format('alter publication bulkhead_journal add table %s', relation);
    added := added + 1;
  end loop;
  return added;
end
$$;
revoke all on function bulkhead.publish(text, boolean) from public;
