-- Services and operators as callers, and members who come in by their provider's word. Runs as bulkhead_system, in the
-- catalog's database alone.

-- A service is known like a person, by (issuer, subject) of its client-credentials tokens, and is a member like one.
alter table catalog.app_user
  add column if not exists kind text not null default 'person' check (kind in ('person', 'service'));

-- Keys that sign internal tokens (src/identity/internal_issuer.hpp). A key signs from `signs_from` until the next one does, and
-- is published from when it is made until `ends_at`, so that who verifies has it before it signs and while its tokens live.
create table if not exists catalog.internal_key (
  kid text primary key,
  private_pem text not null,
  jwk jsonb not null,                      -- the public half
  signs_from timestamptz not null,
  ends_at timestamptz,                     -- null: there is no next one yet
  made_at timestamptz not null default now()
);
create or replace trigger tell after insert or update or delete on catalog.internal_key
  for each statement execute function catalog.tell('key');

-- An operator who acts for a tenant: within its time, for a reason, and never more than the role.
create table if not exists catalog.act_as (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null references catalog.tenant(id) on delete cascade,
  user_id uuid references catalog.app_user(id) on delete cascade,  -- in whose place; null: nobody's
  role text not null check (role in ('owner', 'admin', 'member', 'viewer')),
  actor text not null,                     -- who acts, as in the audit log
  reason text not null check (length(reason) between 1 and 1000),
  made_at timestamptz not null default now(),
  expires_at timestamptz not null check (expires_at <= made_at + interval '8 hours'),
  ended_at timestamptz
);
create index if not exists act_as_tenant on catalog.act_as(tenant_id, made_at);

-- A grant is a caller like a member, and what changes of it is told like a membership.
create or replace function catalog.tell_act_as() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify('bulkhead_catalog', 'membership ' || old.tenant_id || ' ' || old.id);
  return null;
end
$$;
create or replace trigger tell after update or delete on catalog.act_as
  for each row execute function catalog.tell_act_as();

-- What an operator asks a tenant's data for: in the audit log before it is answered, or it is not answered. False when the
-- grant is over, whatever a server still remembers of it.
create or replace function catalog.record_act_as(grant_id uuid, tenant uuid, method text, path text, trace text) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  held record;
begin
  select g.actor, g.reason, g.user_id, t.slug into held
    from catalog.act_as g join catalog.tenant t on t.id = g.tenant_id
   where g.id = record_act_as.grant_id and g.tenant_id = record_act_as.tenant and g.ended_at is null and g.expires_at > now();
  if not found then
    return false;
  end if;
  perform catalog.append_audit(held.actor, 'tenant.act_as.request', held.slug, record_act_as.tenant,
    jsonb_strip_nulls(jsonb_build_object('grant', record_act_as.grant_id, 'user_id', held.user_id, 'reason', held.reason,
      'method', left(record_act_as.method, 20), 'path', left(record_act_as.path, 1000), 'trace_id', left(record_act_as.trace, 64))));
  return true;
end
$$;

-- Who was a member and is none any more: their provider's word does not bring them back, an operator's does.
create table if not exists catalog.former_member (
  tenant_id uuid not null references catalog.tenant(id) on delete cascade,
  user_id uuid not null references catalog.app_user(id) on delete cascade,
  at timestamptz not null default now(),
  primary key (tenant_id, user_id)
);
create or replace function catalog.remember_former_member() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    delete from catalog.former_member f where f.tenant_id = new.tenant_id and f.user_id = new.user_id;
  else
    -- Not where tenant or user go, too.
    insert into catalog.former_member(tenant_id, user_id)
    select t.id, u.id from catalog.tenant t, catalog.app_user u where t.id = old.tenant_id and u.id = old.user_id
    on conflict do nothing;
  end if;
  return null;
end
$$;
create or replace trigger remember after insert or delete on catalog.membership
  for each row execute function catalog.remember_former_member();

-- Makes the membership of somebody whose provider says that they belong to the tenant, where the server's configuration
-- believes it. False, and nothing made, for who is suspended, was taken out, or belongs already, and for a tenant that is not active.
create or replace function catalog.join_tenant(tenant uuid, issuer text, subject text, name text, role text) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  slug text;
  member uuid;
begin
  select t.slug into slug from catalog.tenant t where t.id = join_tenant.tenant and t.status = 'active';
  if not found then
    return false;
  end if;
  member := catalog.ensure_user(join_tenant.issuer, join_tenant.subject, '');
  if exists (select from catalog.app_user u where u.id = member and u.status <> 'active')
     or exists (select from catalog.former_member f where f.tenant_id = join_tenant.tenant and f.user_id = member) then
    return false;
  end if;
  if join_tenant.name <> '' then
    update catalog.app_user u set name = left(join_tenant.name, 200) where u.id = member and u.name = join_tenant.subject;
  end if;
  insert into catalog.membership(tenant_id, user_id, role) values (join_tenant.tenant, member, join_tenant.role) on conflict do nothing;
  if not found then
    return false;
  end if;
  perform catalog.append_audit('bulkhead:join', 'membership.join', slug, join_tenant.tenant,
    jsonb_build_object('issuer', join_tenant.issuer, 'subject', join_tenant.subject, 'role', join_tenant.role, 'user_id', member));
  return true;
end
$$;

revoke all on catalog.internal_key, catalog.act_as, catalog.former_member
  from bulkhead_catalog, bulkhead_login, bulkhead_owner, app_viewer, app_member, app_admin, app_owner;
revoke all on function catalog.record_act_as(uuid, uuid, text, text, text), catalog.join_tenant(uuid, text, text, text, text),
  catalog.tell_act_as(), catalog.remember_former_member() from public;
-- A server mints, and so has the keys; it is the only one at run time.
grant select on catalog.internal_key to bulkhead_catalog;
grant select (id, tenant_id, user_id, role, actor, reason, expires_at, ended_at) on catalog.act_as to bulkhead_catalog;
grant execute on function catalog.record_act_as(uuid, uuid, text, text, text), catalog.join_tenant(uuid, text, text, text, text)
  to bulkhead_catalog;
