-- bulkhead.tenant_id() for binding = "plain": the bare id in the setting. Good against mistakes, not against injected SQL.
create or replace function bulkhead.tenant_id() returns uuid
language plpgsql stable security definer parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return nullif(current_setting('bulkhead.context', true), '')::uuid;
exception when invalid_text_representation then
  raise exception using errcode = '28000', message = 'the tenant context is not valid';
end
$$;
