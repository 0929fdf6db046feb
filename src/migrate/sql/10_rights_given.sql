-- Run after the migration files of a transaction: what ordinary statements on the app's tables need besides the tables,
-- wherever in a file it was made. Nothing here widens what a caller may see: all of it runs with the caller's own rights and
-- policies.
do $$
declare
  target constant regnamespace := current_setting('bulkhead.schema')::regnamespace;
  f record;
  v record;
  s record;
begin
  -- Functions of defaults, checks, generated columns, policies, triggers and views run as the caller. Which function calls
  -- which cannot be read off a body, so all that run with their caller's rights may be called; SECURITY DEFINER none.
  for f in
    select p.oid::regprocedure as name
      from pg_catalog.pg_proc p
     where p.pronamespace = target and p.proowner = 'bulkhead_owner'::regrole and not p.prosecdef
  loop
    execute format('grant execute on routine %s to app_viewer, app_member, app_admin, app_owner', f.name);
  end loop;
  -- A view with security_invoker reads as its caller.
  for v in
    select c.oid::regclass as name
      from pg_catalog.pg_class c
     where c.relnamespace = target and c.relowner = 'bulkhead_owner'::regrole and c.relkind = 'v'
       and exists (select from pg_catalog.pg_options_to_table(c.reloptions) o
                    where o.option_name = 'security_invoker' and o.option_value in ('true', 'on', 'yes', '1'))
  loop
    execute format('grant select on %s to app_viewer, app_member, app_admin, app_owner', v.name);
  end loop;
  -- Sequences that a writer may draw from: all but those of identity columns, which need no grant, and those that number
  -- rows of shared tables alone, which migrations write.
  for s in
    with used as (
      select d.refobjid as sequence, a.adrelid as relation
        from pg_catalog.pg_depend d join pg_catalog.pg_attrdef a on a.oid = d.objid
       where d.classid = 'pg_catalog.pg_attrdef'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
      union
      select d.objid, d.refobjid
        from pg_catalog.pg_depend d
       where d.classid = 'pg_catalog.pg_class'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass and d.deptype = 'a'
    )
    select c.oid::regclass as name
      from pg_catalog.pg_class c
     where c.relnamespace = target and c.relowner = 'bulkhead_owner'::regrole and c.relkind = 'S'
       and not exists (select from pg_catalog.pg_depend d
                        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'i')
       and (not exists (select from used where used.sequence = c.oid)
            or exists (select from used join pg_catalog.pg_attribute t on t.attrelid = used.relation
                        where used.sequence = c.oid and t.attname = 'tenant_id' and not t.attisdropped))
  loop
    execute format('grant usage on sequence %s to app_member, app_admin, app_owner', s.name);
  end loop;
end
$$;
