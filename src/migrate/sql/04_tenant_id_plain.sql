-- bulkhead.tenant_id() for binding = "plain": the bare id in the setting. Good against mistakes, not against injected SQL.
-- No exception block: it would begin a subtransaction at each call, which a parallel worker cannot do.
create or replace function bulkhead.tenant_id() returns uuid
language plpgsql stable security definer parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return nullif(current_setting('bulkhead.context', true), '')::uuid;
end
$$;

-- The keys have no part in this binding.
create or replace function bulkhead.write_tenant_id() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
end
$$;
revoke all on function bulkhead.write_tenant_id() from public;
