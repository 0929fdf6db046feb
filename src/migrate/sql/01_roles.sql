-- Roles, and what everybody loses. Runs as a superuser, or as the owner of the database with CREATEROLE (RDS).
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
  execute format('revoke all on database %I from public', current_database());
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

do $$
begin
  -- Since PostgreSQL 15 a new database does this itself; an upgraded one does not. On RDS the owner may be someone else.
  revoke create on schema public from public;
exception when insufficient_privilege then
  if has_schema_privilege('public', 'public', 'create') then
    raise;
  end if;
end
$$;

revoke all on schema bulkhead from public;
grant usage on schema bulkhead to bulkhead_owner, bulkhead_login, app_viewer, app_member, app_admin, app_owner;

-- What everybody may call by default and no tenant's SQL, injected SQL included, should. Only a superuser can take it away;
-- where there is none (RDS) the server keeps no named statements instead (it asks for pg_prepared_statement), and
-- the rest is in docs/decisions/0004-injected-sql.md.
--   pg_prepared_statement   shows the names of the session's prepared statements, which PREPARE could then take over
--   pg_advisory_*           would stop another tenant's writes, and outlives the unit
--   pg_terminate_backend …  would end other tenants' units: all share one login
--   lo_*                    large objects know no tenants
do $$
declare
  refused record;
begin
  if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
    return;
  end if;
  for refused in
    select p.oid::regprocedure as signature, p.proname like 'pg\_%advisory\_%' as advisory
      from pg_catalog.pg_proc p
     where p.pronamespace = 'pg_catalog'::regnamespace
       and (p.proname like 'pg\_%advisory\_%' or p.proname in ('pg_prepared_statement', 'pg_terminate_backend', 'pg_cancel_backend',
            'lo_creat', 'lo_create', 'lo_from_bytea', 'lo_open', 'lo_get', 'lo_put', 'lo_unlink', 'loread', 'lowrite', 'lo_truncate', 'lo_truncate64'))
  loop
    execute format('revoke execute on function %s from public', refused.signature);
    if refused.advisory then
      execute format('grant execute on function %s to bulkhead_system', refused.signature);
    end if;
  end loop;
end
$$;

-- Only the form without IN SCHEMA takes EXECUTE away from PUBLIC.
alter default privileges for role bulkhead_owner revoke execute on functions from public;
alter default privileges for role bulkhead_system revoke execute on functions from public;
