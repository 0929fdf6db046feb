-- The audit log: one entry a line of what operators do, each chained to the one before by its hash, so that an entry that
-- is changed, taken out or moved is found (src/audit/log.cpp). Runs as bulkhead_system, in the catalog's database alone.
--
-- Who has the database may still write a whole new chain; against that, keep the head's hash outside
-- (`bulkhead audit-log verify` prints it, `--expect HASH` asks for it later).
create table if not exists catalog.audit_entry (
  seq bigint primary key check (seq > 0),  -- 1, 2, 3, … without a gap
  at timestamptz not null,
  actor text not null,
  action text not null,
  subject text not null,
  tenant_id uuid,                          -- refers to nothing: the log outlives the tenant
  details jsonb not null,
  previous text not null,
  hash text not null
);

-- The chain's end, so that entries taken away there are found.
create table if not exists catalog.audit_head (
  only_row boolean primary key default true check (only_row),
  entries bigint not null,
  hash text not null
);
insert into catalog.audit_head(entries, hash) values (0, repeat('0', 64)) on conflict do nothing;

-- SHA-256 over the fields and the previous hash, each as "<bytes>:<field>,", so that no two entries read the same.
-- src/audit/log.cpp computes the same without asking the database.
create or replace function catalog.audit_hash(entry catalog.audit_entry) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select encode(sha256(convert_to(string_agg(octet_length(convert_to(f.field, 'UTF8')) || ':' || f.field || ',', '' order by f.place),
                                  'UTF8')), 'hex')
    from unnest(array[entry.seq::text, (extract(epoch from entry.at) * 1000000)::bigint::text, entry.actor, entry.action, entry.subject,
                      coalesce(entry.tenant_id::text, ''), entry.details::text, entry.previous]) with ordinality as f(field, place)
$$;

-- Whoever inserts, and whatever: the entry gets its place at the chain's end. The head's row is locked to the end of the
-- transaction, so that the chain has no forks and no gaps: append outside of long transactions.
create or replace function catalog.chain_audit_entry() returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  head catalog.audit_head;
begin
  select * into strict head from catalog.audit_head for update;
  new.seq := head.entries + 1;
  new.at := clock_timestamp();
  new.previous := head.hash;
  new.hash := catalog.audit_hash(new);
  update catalog.audit_head set entries = new.seq, hash = new.hash;
  return new;
end
$$;

create or replace function catalog.refuse_audit_change() returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'the audit log is only appended to' using errcode = '42501';
end
$$;

create or replace trigger chain before insert on catalog.audit_entry
  for each row execute function catalog.chain_audit_entry();
create or replace trigger refuse before update or delete or truncate on catalog.audit_entry
  for each statement execute function catalog.refuse_audit_change();
-- The head moves when an entry is chained, and else never.
create or replace trigger refuse_moving before update on catalog.audit_head
  for each row when (pg_trigger_depth() = 0) execute function catalog.refuse_audit_change();
create or replace trigger refuse before delete or truncate on catalog.audit_head
  for each statement execute function catalog.refuse_audit_change();

create or replace function catalog.append_audit(actor text, action text, subject text, tenant uuid, details jsonb) returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  appended bigint;
begin
  -- All but these are the trigger's to say.
  insert into catalog.audit_entry(actor, action, subject, tenant_id, details)
  values (append_audit.actor, append_audit.action, append_audit.subject, append_audit.tenant, append_audit.details)
  returning seq into appended;
  return appended;
end
$$;

revoke all on function catalog.append_audit(text, text, text, uuid, jsonb), catalog.audit_hash(catalog.audit_entry),
  catalog.chain_audit_entry(), catalog.refuse_audit_change() from public;
revoke all on catalog.audit_entry, catalog.audit_head
  from bulkhead_catalog, bulkhead_login, bulkhead_owner, app_viewer, app_member, app_admin, app_owner;
