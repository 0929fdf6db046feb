-- What the operator's commands call. Runs as bulkhead_system; only an administrator may execute them.

-- Adds a signing key to this database; the former ones live on for `overlap`. The secret is kept, sealed from all run-time
-- roles, in catalog.credential.
create or replace function bulkhead.rotate_binding_key(overlap interval default '1 hour') returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  fresh record;
begin
  -- Before the largest id is read, so that two calls do not choose the same.
  lock table bulkhead.binding_key in share row exclusive mode;
  select k.id, k.secret into fresh
    from bulkhead.make_binding_key(overlap, coalesce((select max(split_part(c.name, ':', 2)::integer) from catalog.credential c
                                                       where c.name like 'binding_key:%'), 0)) k;
  delete from catalog.credential c
   where c.name like 'binding_key:%'
     and not exists (select from bulkhead.binding_key k where 'binding_key:' || k.id = c.name);
  insert into catalog.credential(name, secret) values ('binding_key:' || fresh.id, fresh.secret);
  perform pg_notify('bulkhead_catalog', 'key');
  return fresh.id;
end
$$;
revoke all on function bulkhead.rotate_binding_key(interval) from public;

-- A tenant with its placement and its residency, in one transaction.
create or replace function catalog.create_tenant(slug text, name text, plan text default 'standard') returns uuid
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  made constant uuid := gen_random_uuid();
begin
  insert into catalog.tenant(id, slug, name, plan) values (made, create_tenant.slug, create_tenant.name, create_tenant.plan);
  insert into catalog.placement(tenant_id, database_name, schema_name) values (made, current_database(), 'app');
  insert into bulkhead.residency(tenant_id, epoch) values (made, 1);
  return made;
end
$$;

-- The user known as (issuer, subject), made where there is none; `name` is taken over when it is not empty.
create or replace function catalog.ensure_user(issuer text, subject text, name text) returns uuid
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  found_user uuid;
begin
  perform pg_advisory_xact_lock(hashtextextended('bulkhead identity ' || issuer || ' ' || subject, 0));
  select i.user_id into found_user from catalog.identity i where i.issuer = ensure_user.issuer and i.subject = ensure_user.subject;
  if found_user is null then
    insert into catalog.app_user(name) values (coalesce(nullif(ensure_user.name, ''), ensure_user.subject)) returning id into found_user;
    insert into catalog.identity(issuer, subject, user_id) values (ensure_user.issuer, ensure_user.subject, found_user);
  elsif ensure_user.name <> '' then
    update catalog.app_user u set name = ensure_user.name where u.id = found_user and u.name <> ensure_user.name;
  end if;
  return found_user;
end
$$;

-- Makes the membership, or gives it this role; an existing one that is suspended stays so.
create or replace function catalog.ensure_membership(tenant uuid, issuer text, subject text, name text, role text) returns uuid
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  member constant uuid := catalog.ensure_user(issuer, subject, name);
begin
  insert into catalog.membership as m (tenant_id, user_id, role) values (ensure_membership.tenant, member, ensure_membership.role)
  on conflict (tenant_id, user_id) do update set role = excluded.role where m.role <> excluded.role;
  return member;
end
$$;

revoke all on function catalog.create_tenant(text, text, text), catalog.ensure_user(text, text, text),
  catalog.ensure_membership(uuid, text, text, text, text), catalog.tell() from public;
