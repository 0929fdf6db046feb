-- Whoever follows an operation is told that its row has changed: the id, and nothing of what is in it, since every login of the
-- database may listen. Runs as bulkhead_system.
create or replace function catalog.operation_told() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify('bulkhead_operation', new.id::text);
  return null;
end
$$;
revoke all on function catalog.operation_told() from public;
-- A lease that is renewed changes nothing for who looks on.
create or replace trigger operation_told
  after insert or update of state, step, steps_done, steps_total, progress, result, error, due on catalog.operation
  for each row execute function catalog.operation_told();
