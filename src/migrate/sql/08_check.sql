-- What must be true of the app's schema after each migration file. Not installed: the runner asks it as one query. Each
-- row: a relation and what is wrong with it, and what to write.
with t as (
  select c.oid, c.relname, c.relkind, c.relispartition, c.relrowsecurity, c.relforcerowsecurity, c.reloptions,
         exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped) as tenant,
         exists (select from unnest(array['app_viewer', 'app_member', 'app_admin', 'app_owner', 'bulkhead_login']) r
                  where has_table_privilege(r, c.oid, 'select')) as readable,
         exists (select from unnest(array['app_viewer', 'app_member', 'app_admin', 'app_owner', 'bulkhead_login']) r
                  where has_table_privilege(r, c.oid, 'insert,update,delete')) as writable,
         exists (select from unnest(array['app_viewer', 'app_member', 'app_admin', 'app_owner', 'bulkhead_login', 'public']) r
                  where has_table_privilege(r, c.oid, 'truncate,references,trigger')) as too_much
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where n.nspname = 'app' and c.relkind in ('r', 'p', 'v', 'm', 'f')
)
select relname, 'it has no tenant_id, and the app''s roles may write it',
       'a shared table is written by migrations alone: take the grant away, or make it a tenant table'
  from t where relkind in ('r', 'p') and not relispartition and not tenant and writable
union all
select relname, 'it is neither a tenant table nor a shared table',
       'add to the migration: select bulkhead.tenant_table(' || quote_literal(relname) || '); or, for rows that all tenants read: select bulkhead.shared_table(' || quote_literal(relname) || ');'
  from t where relkind in ('r', 'p') and not relispartition and not tenant and not readable and not writable
union all
select relname, 'it has a column tenant_id, but row-level security is not on with the policies of a tenant table',
       'add to the migration: select bulkhead.tenant_table(' || quote_literal(relname) || ');'
  from t
 where relkind in ('r', 'p') and not relispartition and tenant
   and not (relrowsecurity and relforcerowsecurity
            and (select count(*) from pg_policy p where p.polrelid = t.oid and p.polname in ('bulkhead_tenant', 'bulkhead_floor', 'bulkhead_migrations')) = 3)
union all
select relname, 'a partition must not be readable by itself: the policies of its parent do not guard it',
       'revoke all on app.' || quote_ident(relname) || ' from app_viewer, app_member, app_admin, app_owner;'
  from t where relispartition and (readable or writable)
union all
select relname, 'a view must have security_invoker, or it reads with its owner''s rights',
       'create view … with (security_invoker = true) as …'
  from t where relkind = 'v' and not coalesce('security_invoker=true' = any(reloptions) or 'security_invoker=on' = any(reloptions) or 'security_invoker=1' = any(reloptions), false)
union all
select relname, 'a materialized view holds all tenants'' rows and can have no row-level security',
       'do not grant it to the app''s roles; let a tenant table hold the result'
  from t where relkind = 'm' and readable
union all
select relname, 'a foreign table can have no row-level security', 'do not grant it to the app''s roles'
  from t where relkind = 'f' and readable
union all
select relname, 'TRUNCATE, REFERENCES and TRIGGER pass row-level security and must not be granted',
       'grant select, insert, update, delete, never ALL'
  from t where too_much
