-- Run before the migration files of a transaction: takes back what 10_rights_given gave on functions. What a file makes
-- SECURITY DEFINER then starts without callers, as a definer function should, and has those that the file itself grants it.
do $$
declare
  target constant regnamespace := current_setting('bulkhead.schema')::regnamespace;
  f record;
begin
  for f in
    select p.oid::regprocedure as name
      from pg_catalog.pg_proc p
     where p.pronamespace = target and p.proowner = 'bulkhead_owner'::regrole and not p.prosecdef
       and exists (select from pg_catalog.aclexplode(p.proacl) a
                    where a.grantee::regrole::text in ('app_viewer', 'app_member', 'app_admin', 'app_owner'))
  loop
    execute format('revoke execute on routine %s from app_viewer, app_member, app_admin, app_owner', f.name);
  end loop;
end
$$;
