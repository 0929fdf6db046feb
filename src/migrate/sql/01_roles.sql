-- Roles. Runs as a superuser, or as the owner of the database with CREATEROLE (RDS).
-- Every statement may be repeated. In a database of another kind than the catalog's, the names of the two logins stand for
-- its one login (target.cpp).
do $$
declare
  name text;
begin
  foreach name in array array['bulkhead_system', 'bulkhead_owner', 'app_viewer', 'app_member', 'app_admin', 'app_owner'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = name) then
      execute format('create role %I nologin noinherit', name);
    end if;
  end loop;
  foreach name in array array['bulkhead_login', 'bulkhead_catalog'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = name) then
      execute format('create role %I login noinherit', name);
    end if;
  end loop;
  -- A role that somebody made stronger than it may be is refused, not silently used.
  select string_agg(rolname, ', ') into name
    from pg_catalog.pg_roles
   where rolname in ('bulkhead_system', 'bulkhead_owner', 'bulkhead_login', 'bulkhead_catalog', 'app_viewer', 'app_member', 'app_admin', 'app_owner')
     and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication
          or (rolcanlogin and rolname not in ('bulkhead_login', 'bulkhead_catalog')));
  if name is not null then
    raise exception 'role(s) % have attributes that Bulkhead must not have (SUPERUSER, BYPASSRLS, CREATEROLE, CREATEDB, REPLICATION or LOGIN)', name
      using hint = 'take them away: alter role … nosuperuser nobypassrls nocreaterole nocreatedb noreplication nologin';
  end if;
end
$$;

-- An administrator who is no superuser needs membership to make what these roles own and to act for tenants.
do $$
begin
  if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
    execute format('grant bulkhead_system, bulkhead_owner, app_viewer, app_member, app_admin, app_owner to %I', current_user);
  end if;
  execute format('grant connect on database %I to bulkhead_login, bulkhead_catalog', current_database());
end
$$;

create schema if not exists bulkhead;
-- For a non-superuser ALTER … OWNER asks for CREATE on the database as the new owner; given for this transaction alone.
do $$
begin
  execute format('grant create on database %I to bulkhead_system', current_database());
  alter schema bulkhead owner to bulkhead_system;
  execute format('revoke create on database %I from bulkhead_system', current_database());
end
$$;

revoke all on schema bulkhead from public;
grant usage on schema bulkhead to bulkhead_owner, bulkhead_login, app_viewer, app_member, app_admin, app_owner;

-- Only the form without IN SCHEMA takes EXECUTE away from PUBLIC.
alter default privileges for role bulkhead_owner revoke execute on functions from public;
alter default privileges for role bulkhead_system revoke execute on functions from public;
