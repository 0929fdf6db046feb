-- A schema of the schema model with its four roles, in a shard. Runs as the administrator, with bulkhead.schema and
-- bulkhead.login set for the transaction. Each role inherits the app's role of that name, so that grants and policies of
-- migrations are the same in all models, and may use this schema and no other.
do $$
declare
  target constant text := current_setting('bulkhead.schema');
  login constant text := current_setting('bulkhead.login');
  super constant boolean := (select rolsuper from pg_catalog.pg_roles where rolname = current_user);
  kind text;
  own text;
begin
  execute format('create schema if not exists %I authorization bulkhead_owner', target);
  execute format('revoke all on schema %I from public', target);
  foreach kind in array array['viewer', 'member', 'admin', 'owner'] loop
    own := target || '_' || kind;
    if not exists (select from pg_catalog.pg_roles where rolname = own) then
      execute format('create role %I nologin inherit', own);
    end if;
    execute format('grant %I to %I', 'app_' || kind, own);
    execute format('grant %I to %I', own, login);
    if not super then
      execute format('grant %I to %I', own, current_user);
    end if;
    execute format('grant usage on schema %I to %I', target, own);
  end loop;
  insert into bulkhead.target(schema_name) values (target) on conflict do nothing;
end
$$;
