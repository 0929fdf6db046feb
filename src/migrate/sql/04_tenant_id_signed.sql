-- bulkhead.tenant_id() for binding = "signed": the tenant in the setting bulkhead.context, if the MAC is ours, has not
-- expired, and was made for the role that is bound; null when nothing is bound.
-- Never IMMUTABLE: a cached plan would show another tenant's rows.
-- Called once a statement (the policies' texts are the same, so PostgreSQL plans one InitPlan), but once more for each
-- WITH CHECK. A query for the key would be more than half of its cost. So the function's text is written anew whenever
-- the keys change: it names the keys' ids, never their bytes (everybody may read a function's text), and
-- bulkhead.binding_pad(id) stands in it with a constant, so that each session evaluates it once, when it plans the
-- expression, and keeps the bytes in its plan. A new text makes every session plan again.

-- The bytes of one key. IMMUTABLE is true of it: a key's row is made once and never changed, only deleted. When a key ends
-- stands in the text of tenant_id(), not here.
create or replace function bulkhead.binding_pad(key integer, outer_pad boolean) returns bytea
language plpgsql immutable security definer parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return (select case when outer_pad then k.opad else k.ipad end from bulkhead.binding_key k where k.id = key);
end
$$;
revoke all on function bulkhead.binding_pad(integer, boolean) from public;

-- Writes bulkhead.tenant_id() for the keys there are.
create or replace function bulkhead.write_tenant_id() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $write$
declare
  checks text;
begin
  -- No such key, or one that has ended: the mac stays null, hence not equal.
  select string_agg(format(
           $check$
  if key = %1$L and now() < %2$L::timestamptz then
    mac := encode(sha256(bulkhead.binding_pad(%1$s, true) || sha256(bulkhead.binding_pad(%1$s, false) || message)), 'hex');
  end if;$check$, k.id, k.not_after), '' order by k.id desc)
    into checks
    from bulkhead.binding_key k;
  execute format(
    $function$
create or replace function bulkhead.tenant_id() returns uuid
language plpgsql stable security definer parallel safe
set search_path = pg_catalog, pg_temp
-- The keys' bytes stand in the plans of the expressions below, and this setting, which is anybody's, sends plans to the
-- client and to the log.
set debug_print_plan = off
as $body$
declare
  -- "<uuid, 36>|<role>|<expiry>|<key id>|<mac, 64>"
  context constant text := current_setting('bulkhead.context', true);
  key text;
  message bytea;
  mac text;
begin
  if context is null or context = '' then
    return null;
  end if;
  key := split_part(context, '|', 4);
  message := convert_to(left(context, -65), 'UTF8');%s
  -- The other parts are looked at only once the MAC has shown that they are ours.
  if mac = right(context, 64)
     and split_part(context, '|', 2) = current_setting('role')
     and split_part(context, '|', 3)::bigint > extract(epoch from now()) then
    return left(context, 36)::uuid;
  end if;
  raise exception using errcode = '28000', message = 'the tenant context is not valid';
end
$body$
    $function$, coalesce(checks, ''));
end
$write$;
revoke all on function bulkhead.write_tenant_id() from public;
select bulkhead.write_tenant_id();
