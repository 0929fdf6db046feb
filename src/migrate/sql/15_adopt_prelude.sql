-- What the policies of an adopted table name, where it is not there yet. The first part of the migration that `bulkhead adopt
-- --write` writes, and of what `--apply` installs. May be repeated; takes nothing from anybody.
--   bulkhead_served   whose sessions the floor holds for: Bulkhead's login is a member of it, and nobody else. The login is
--                     asked for (session_user), which no SQL can change, so for everybody else's sessions all stays as it was
do $prelude$
declare
  name text;
begin
  foreach name in array array['bulkhead_system', 'bulkhead_served', 'app_viewer', 'app_member', 'app_admin', 'app_owner'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = name) then
      execute format('create role %I nologin noinherit', name);
    end if;
  end loop;
  if to_regnamespace('bulkhead') is null then
    create schema bulkhead;
  end if;
  if to_regprocedure('bulkhead.tenant_id()') is null then
    create function bulkhead.tenant_id() returns uuid language plpgsql stable as
      'begin return null; end';  -- nobody, until `bulkhead adopt --apply` installs the real one
    grant execute on function bulkhead.tenant_id() to public;
    if not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
      execute format('grant bulkhead_system to %I', current_user);
    end if;
    execute format('grant create on database %I to bulkhead_system', current_database());
    alter schema bulkhead owner to bulkhead_system;
    execute format('revoke create on database %I from bulkhead_system', current_database());
    alter function bulkhead.tenant_id() owner to bulkhead_system;
  end if;
end
$prelude$;
