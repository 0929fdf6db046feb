-- bulkhead.tenant_id() for binding = "signed": the tenant in the setting bulkhead.context, if the MAC is ours, has not
-- expired, and was made for the role that is bound; null when nothing is bound.
-- Never IMMUTABLE: a cached plan would show another tenant's rows.
-- Called once a statement (the policies' texts are the same, so PostgreSQL plans one InitPlan), but once more for each
-- WITH CHECK; hence one query for the key and the rest in expressions, which plpgsql evaluates without a query.
create or replace function bulkhead.tenant_id() returns uuid
language plpgsql stable security definer parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  -- "<uuid, 36>|<role>|<expiry>|<key id>|<mac, 64>"
  context constant text := current_setting('bulkhead.context', true);
  inner_pad bytea;
  outer_pad bytea;
begin
  if context is null or context = '' then
    return null;
  end if;
  select k.ipad, k.opad into inner_pad, outer_pad
    from bulkhead.binding_key k
   where k.id::text = split_part(context, '|', 4) and k.not_after > now();
  -- No key: null, hence not true. The other parts are looked at only once the MAC has shown that they are ours.
  if right(context, 64) = encode(sha256(outer_pad || sha256(inner_pad || convert_to(left(context, -65), 'UTF8'))), 'hex')
     and split_part(context, '|', 2) = current_setting('role')
     and split_part(context, '|', 3)::bigint > extract(epoch from now()) then
    return left(context, 36)::uuid;
  end if;
  raise exception using errcode = '28000', message = 'the tenant context is not valid';
end
$$;
