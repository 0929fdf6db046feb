-- What everybody loses in a database that is Bulkhead's alone. Runs after 01_roles, as the same.
do $$
begin
  execute format('revoke all on database %I from public', current_database());
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

-- What everybody may call by default and no tenant's SQL, injected SQL included, should. Only a superuser can take it away;
-- where there is none (RDS) the server keeps no named statements instead (it asks for pg_prepared_statement), and
-- the rest is in docs/decisions/0004-injected-sql.md.
--   pg_prepared_statement   shows the names of the session's prepared statements, which PREPARE could then take over
--   pg_advisory_*           would stop another tenant's writes, and outlives the unit
--   pg_terminate_backend …  would end other tenants' units: all share one login
--   pg_logical_emit_message would make the journal leave changes out
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
       and (p.proname like 'pg\_%advisory\_%' or p.proname in ('pg_prepared_statement', 'pg_terminate_backend', 'pg_cancel_backend', 'pg_logical_emit_message',
            'lo_creat', 'lo_create', 'lo_from_bytea', 'lo_open', 'lo_get', 'lo_put', 'lo_unlink', 'loread', 'lowrite', 'lo_truncate', 'lo_truncate64'))
  loop
    execute format('revoke execute on function %s from public', refused.signature);
    if refused.advisory then
      execute format('grant execute on function %s to bulkhead_system', refused.signature);
    end if;
  end loop;
end
$$;
