-- Schema catalog, in the catalog's database alone. Runs as the administrator, after 01_roles.
create schema if not exists catalog;
do $$
begin
  execute format('grant create on database %I to bulkhead_system', current_database());
  alter schema catalog owner to bulkhead_system;
  execute format('revoke create on database %I from bulkhead_system', current_database());
end
$$;
revoke all on schema catalog from public;
grant usage on schema catalog to bulkhead_catalog;
