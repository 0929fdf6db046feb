-- Schema app: where the tables of the row and silo models are. Not in a shard. Runs as the administrator, after 01_roles.

-- The server becomes one of these per unit of work; it inherits nothing from them.
grant app_viewer, app_member, app_admin, app_owner to bulkhead_login;

create schema if not exists app;
do $$
begin
  execute format('grant create on database %I to bulkhead_owner', current_database());
  alter schema app owner to bulkhead_owner;
  execute format('revoke create on database %I from bulkhead_owner', current_database());
end
$$;
revoke all on schema app from public;
grant usage on schema app to app_viewer, app_member, app_admin, app_owner;
