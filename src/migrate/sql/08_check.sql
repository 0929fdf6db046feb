-- What must be true of a schema with the app's tables, and of the roles that the walls stand on: asked at the end of a
-- migration and when a server starts. Not installed: one query. Each row: what it is about, what is wrong with it, what to
-- write. Asked with search_path = pg_catalog, so that the texts of expressions and the names of objects are whole, and
-- with bulkhead.schema = the schema that it is about. It reads the catalogs once, whatever other schemas there are.
with asked as (
  select current_setting('bulkhead.schema') as target,
         -- The database of an earlier Bulkhead has no such column.
         (select coalesce(to_jsonb(b) ->> 'login', 'bulkhead_login') from bulkhead.bootstrap b) as login
), bulkhead_role as (
  select r.oid, r.rolname, r.rolname in ('app_viewer', 'app_member', 'app_admin', 'app_owner') as app,
         r.rolname not in ('bulkhead_system', 'bulkhead_owner') and (r.rolname = a.login or r.rolname = 'bulkhead_catalog') as login,
         -- Of a schema of the schema model: inherits the app's role of that name, and may use this schema.
         a.target <> 'app' and r.rolname in (a.target || '_viewer', a.target || '_member', a.target || '_admin', a.target || '_owner') as own
    from asked a join pg_roles r
      on r.rolname = any(array['bulkhead_system', 'bulkhead_owner', 'app_viewer', 'app_member', 'app_admin', 'app_owner', a.login,
                               case a.login when 'bulkhead_login' then 'bulkhead_catalog' end,
                               a.target || '_viewer', a.target || '_member', a.target || '_admin', a.target || '_owner']::name[])
), the as (
  select array_agg(oid order by oid) filter (where app) as app_roles,
         -- Whom a client can be at run time; 0 is PUBLIC.
         array_agg(oid) filter (where app or own or login) || 0::oid as runtime,
         array_agg(oid) filter (where login) || 0::oid as not_to_be_granted,
         max(oid) filter (where rolname = 'bulkhead_owner') as owner,
         string_agg(rolname, ', ' order by rolname desc) filter (where login) as logins,
         '(tenant_id = ( SELECT bulkhead.tenant_id() AS tenant_id))' as own_rows,
         (select target from asked) as target
    from bulkhead_role
), own_policy(polname, permissive, roles, qual, withcheck) as (
  select 'bulkhead_tenant', true, app_roles, own_rows, own_rows from the
  union all
  select 'bulkhead_floor', false, app_roles, own_rows, own_rows from the
  union all
  select 'bulkhead_migrations', true, array[owner],
         '( SELECT pg_has_role(SESSION_USER, ''bulkhead_owner''::name, ''member''::text) AS pg_has_role)', null from the
), relation as (
  select c.oid, c.relname, c.relkind, c.relispartition, c.relrowsecurity, c.relforcerowsecurity, c.reloptions, c.relowner, c.relacl, n.nspname,
         c.relkind in ('r', 'p') and coalesce((select true from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped limit 1), false) as tenant,
         case c.relkind when 'S' then 'sequence ' when 'v' then 'view ' when 'm' then 'materialized view ' when 'f' then 'foreign table ' else 'table ' end
           || '"' || case when n.nspname = the.target then '' else n.nspname || '.' end || c.relname || '"' as title
    from the join pg_namespace n on n.nspname in (the.target, 'bulkhead', 'catalog') join pg_class c on n.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
), granted as (
  select r.oid, a.grantee, a.privilege_type, a.is_grantable
    from relation r, aclexplode(r.relacl) a where a.grantee <> r.relowner
  union all
  select r.oid, a.grantee, a.privilege_type, a.is_grantable
    from relation r cross join lateral (select t.attacl from pg_attribute t where t.attrelid = r.oid and t.attacl is not null and not t.attisdropped offset 0) t,
         aclexplode(t.attacl) a
   where a.grantee <> r.relowner
), t as (
  select r.*, coalesce(g.readable, false) as readable, coalesce(g.writable, false) as writable, coalesce(g.past_policies, false) as past_policies,
         coalesce(g.passed_on, false) as passed_on, coalesce(g.too_wide, false) as too_wide, coalesce(g.runtime, false) as runtime
    from relation r
    left join (select oid, bool_or(grantee = any(runtime)) as runtime,
                      bool_or(grantee = any(runtime) and privilege_type = 'SELECT') as readable,
                      bool_or(grantee = any(runtime) and privilege_type in ('INSERT', 'UPDATE', 'DELETE')) as writable,
                      bool_or(grantee = any(runtime) and privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER')) as past_policies,
                      bool_or(grantee = any(runtime) and is_grantable) as passed_on,
                      bool_or(grantee = any(not_to_be_granted)) as too_wide
                 from granted, the group by oid) g on g.oid = r.oid
), app as (
  select t.* from t, the where t.nspname = the.target
), func as (
  select p.oid, p.oid::regprocedure::text as name, n.nspname, p.prosecdef, p.proleakproof, p.proowner, p.provolatile, p.prosrc, l.lanpltrusted, l.lanname,
         coalesce(p.proconfig, '{}') as settings,
         p.proacl is null or exists (select from aclexplode(p.proacl) a, the
                                      where a.grantee = 0 or (n.nspname = (select target from asked) and a.grantee = any(the.not_to_be_granted))) as too_wide,
         n.nspname = (select target from asked) as of_app
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
   where n.nspname in ((select target from asked), 'bulkhead', 'catalog')
     -- What an administrator installed as an extension is the administrator's.
     and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
), wrong(title, problem, hint) as (
  select 'role ' || b.rolname, case when b.own and not r.rolinherit then 'it does not inherit the rights of the app''s role of that name'
                                    else 'it has attributes that Bulkhead''s roles must not have (SUPERUSER, BYPASSRLS, CREATEROLE, CREATEDB, REPLICATION, INHERIT or LOGIN)' end,
         'alter role ' || b.rolname || ' nosuperuser nobypassrls nocreaterole nocreatedb noreplication ' || case when b.own then 'inherit' else 'noinherit' end
           || case when b.login then '' else ' nologin' end || ';'
    from bulkhead_role b join pg_roles r using (oid)
   where r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolinherit <> b.own or (r.rolcanlogin and not b.login)
  union all
  select 'role ' || b.rolname, 'it is a member of ' || quote_ident(r.rolname) || case when m.admin_option then ', and may give that away' else '' end,
         case when m.admin_option then 'revoke admin option for ' else 'revoke ' end || quote_ident(r.rolname) || ' from ' || b.rolname || ';'
    from bulkhead_role b join pg_auth_members m on m.member = b.oid join pg_roles r on r.oid = m.roleid, the, asked
   where m.admin_option
      or not case when b.own then r.rolname = 'app' || substr(b.rolname, length(the.target) + 1)
                  when b.rolname <> asked.login then false
                  when m.roleid = any(the.app_roles) then true
                  else r.rolname ~ '^t_[0-9a-f]{16}_(viewer|member|admin|owner)$' and left(r.rolname, 18) in (select schema_name from bulkhead.target) end
  union all
  select 'role ' || b.rolname, 'it is no member of app' || substr(b.rolname, length(the.target) + 1), 'grant app' || substr(b.rolname, length(the.target) + 1) || ' to ' || b.rolname || ';'
    from bulkhead_role b, the
   where b.own and not exists (select from pg_auth_members m join pg_roles r on r.oid = m.roleid
                                where m.member = b.oid and r.rolname = 'app' || substr(b.rolname, length(the.target) + 1))
  union all
  -- Who administers may be anybody.
  select 'role ' || b.rolname, quote_ident(r.rolname) || ' is a member of it', 'revoke ' || b.rolname || ' from ' || quote_ident(r.rolname) || ';'
    from bulkhead_role b join pg_auth_members m on m.roleid = b.oid join pg_roles r on r.oid = m.member, asked
   -- Asked last, and of few: the question takes long for a login that is a member of many roles.
   where case when b.own and r.rolname <> asked.login then not pg_has_role(m.member, 'bulkhead_owner', 'member') else false end
  union all
  select 'schema ' || n.nspname, 'others than its four roles may use it', 'revoke all on schema ' || n.nspname || ' from the role that has it'
    from the join pg_namespace n on n.nspname = the.target
   where the.target <> 'app'
     and exists (select from aclexplode(n.nspacl) a
                  where a.grantee <> n.nspowner and a.grantee not in (select b.oid from bulkhead_role b where b.own))
  union all
  select 'role ' || b.rolname, 'it has settings of its own: ' || array_to_string(s.setconfig, ', '),
         'alter role ' || b.rolname || case when s.setdatabase <> 0 then ' in database ' || quote_ident(current_database()) else '' end || ' reset all;'
    from bulkhead_role b join pg_db_role_setting s on s.setrole = b.oid
   where s.setdatabase = 0 or s.setdatabase = (select oid from pg_database where datname = current_database())
  union all
  select 'schema ' || n.nspname, 'it belongs to ' || pg_get_userbyid(n.nspowner), 'alter schema ' || n.nspname || ' owner to ' || o.owner || ';'
    from the cross join lateral (values (the.target, 'bulkhead_owner'), ('bulkhead', 'bulkhead_system'), ('catalog', 'bulkhead_system')) o(nspname, owner)
    join pg_namespace n using (nspname)
   where pg_get_userbyid(n.nspowner) <> o.owner
  union all
  select 'schema ' || n.nspname, 'others than its owner may make objects in it, or pass on its use', 'revoke create on schema ' || n.nspname || ' from the role that has it'
    from pg_namespace n
   where n.nspname in ((select target from asked), 'bulkhead', 'catalog')
     and exists (select from aclexplode(n.nspacl) a where a.grantee <> n.nspowner and (a.privilege_type = 'CREATE' or a.is_grantable))
  union all
  select 'default privileges of ' || pg_get_userbyid(d.defaclrole), 'what is made later is granted at once, before anybody has judged it',
         'take them back: alter default privileges for role ' || pg_get_userbyid(d.defaclrole) || ' … revoke …'
    from pg_default_acl d
   where (d.defaclrole in (select oid from bulkhead_role)
          or d.defaclnamespace in (select oid from pg_namespace where nspname in ((select target from asked), 'bulkhead', 'catalog')))
     and exists (select from aclexplode(d.defaclacl) a where a.grantee <> d.defaclrole)
  union all
  select title, 'roles that a client can have may touch it', 'revoke all on ' || nspname || '.' || quote_ident(relname) || ' from public, ' || (select logins from the) || ', app_viewer, app_member, app_admin, app_owner;'
    from t
   where nspname in ('bulkhead', 'catalog')
     and exists (select from granted g, bulkhead_role b
                  where g.oid = t.oid and (g.grantee = 0 or (g.grantee = b.oid and (b.app or b.own or (b.login and not (b.rolname = 'bulkhead_catalog' and t.nspname = 'catalog'))))))
  union all
  select title, 'it belongs to ' || pg_get_userbyid(relowner) || ', not to bulkhead_owner', 'alter table ' || nspname || '.' || quote_ident(relname) || ' owner to bulkhead_owner;'
    from app, the where relowner <> the.owner
  union all
  select title, 'it has no tenant_id, and the app''s roles may write it',
         'a shared table is written by migrations alone: take the grant away, or make it a tenant table'
    from app where relkind in ('r', 'p') and not tenant and writable
  union all
  select title, 'it is neither a tenant table nor a shared table',
         'add to the migration: select bulkhead.tenant_table(' || quote_literal(relname) || '); or, for rows that all tenants read: select bulkhead.shared_table(' || quote_literal(relname) || ');'
    from app where relkind in ('r', 'p') and not relispartition and not tenant and not readable and not writable
  union all
  select title, 'it has a column tenant_id, but row-level security is not on with the policies of a tenant table',
         'add to the migration: select bulkhead.tenant_table(' || quote_literal(relname) || ');'
    from app, the
   where tenant and not relispartition
     and not (relrowsecurity and relforcerowsecurity
              and 3 = (select count(*) from pg_policy p join own_policy o using (polname)
                        where p.polrelid = app.oid and p.polcmd = '*' and p.polpermissive = o.permissive
                          and (select array_agg(r order by r) from unnest(p.polroles) r) = o.roles
                          and pg_get_expr(p.polqual, p.polrelid) = o.qual
                          and pg_get_expr(p.polwithcheck, p.polrelid) is not distinct from o.withcheck))
  union all
  -- The floor holds for the app's roles alone: what a policy gives to the owner, a definer function gives to everybody.
  select title, 'policy ' || quote_ident(p.polname) || ' holds for others than the app''s roles and does not begin with the tenant',
         'create policy … to app_viewer, app_member, app_admin, app_owner using (tenant_id = (select bulkhead.tenant_id()) and …)'
    from app join pg_policy p on p.polrelid = app.oid, the
   where tenant and p.polpermissive and p.polname not in (select polname from own_policy) and not p.polroles <@ the.app_roles
     and exists (select from (values (pg_get_expr(p.polqual, p.polrelid)), (pg_get_expr(p.polwithcheck, p.polrelid))) e(condition)
                  where condition <> the.own_rows and not starts_with(condition, '(' || the.own_rows || ' AND '))
  union all
  select title, 'its column tenant_id is not what the policies need', 'declare the column as: tenant_id uuid not null default bulkhead.tenant_id()'
    from app join pg_attribute a on a.attrelid = app.oid and a.attname = 'tenant_id'
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
   where tenant and (a.atttypid <> 'uuid'::regtype or not a.attnotnull
                     or (not relispartition and pg_get_expr(d.adbin, d.adrelid) is distinct from 'bulkhead.tenant_id()'))
  union all
  select title, 'its primary key is missing or does not begin with tenant_id', 'declare: primary key (tenant_id, …)'
    from app
   where tenant and not exists (select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
                                 where i.indrelid = app.oid and i.indisprimary and a.attname = 'tenant_id')
  union all
  select title, 'unique index or exclusion constraint ' || quote_ident(x.relname) || ' does not begin with tenant_id: it tells one tenant what another has',
         'put it first: unique (tenant_id, …), exclude using gist (tenant_id with =, …)'
    from app join pg_index i on i.indrelid = app.oid join pg_class x on x.oid = i.indexrelid
    left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    left join pg_constraint k on k.conindid = i.indexrelid and k.contype = 'x'
   where tenant and not i.indisprimary and (i.indisunique or i.indisexclusion)
     and (a.attname is distinct from 'tenant_id' or k.conexclop[1] <> '=(uuid,uuid)'::regoperator)
  union all
  select title, 'foreign key ' || quote_ident(k.conname) || ' does not carry tenant_id: PostgreSQL checks it past row-level security',
         'declare: foreign key (tenant_id, x_id) references x (tenant_id, x_id)'
    from app join pg_constraint k on k.conrelid = app.oid and k.contype = 'f'
   where exists (select from pg_attribute a where a.attrelid = k.confrelid and a.attname = 'tenant_id' and not a.attisdropped)
     and not exists (select from unnest(k.conkey, k.confkey) as pair(here, there)
                       join pg_attribute a on a.attrelid = k.conrelid and a.attnum = pair.here and a.attname = 'tenant_id'
                       join pg_attribute b on b.attrelid = k.confrelid and b.attnum = pair.there and b.attname = 'tenant_id')
  union all
  select p.title, 'rows of ' || c.title || ', which are a tenant''s, are read through it past that table''s policies',
         'alter table ' || c.nspname || '.' || quote_ident(c.relname) || ' no inherit ' || p.nspname || '.' || quote_ident(p.relname) || ';'
    from pg_inherits i join app p on p.oid = i.inhparent join app c on c.oid = i.inhrelid
   where c.tenant and not p.tenant  union all
  select title, 'a partition must not be readable by itself: the policies of its parent do not guard it',
         'add to the migration: select bulkhead.tenant_table(' || quote_literal(relname) || ');'
    from app where relispartition and tenant and (readable or writable)
  union all
  select title, 'a view must have security_invoker, or it reads with its owner''s rights', 'create view … with (security_invoker = true) as …'
    from app
   where relkind = 'v'
     and not coalesce((select option_value::boolean from pg_options_to_table(reloptions) where option_name = 'security_invoker'), false)
  union all
  select title, 'a materialized view holds all tenants'' rows and can have no row-level security',
         'do not grant it to the app''s roles; let a tenant table hold the result'
    from app where relkind = 'm' and runtime
  union all
  select title, 'a foreign table can have no row-level security', 'do not grant it to the app''s roles'
    from app where relkind = 'f' and runtime
  union all
  select title, 'TRUNCATE, REFERENCES and TRIGGER pass row-level security and must not be granted', 'grant select, insert, update, delete, never ALL'
    from app where relkind <> 'S' and past_policies
  union all
  select title, 'of a sequence, which serves all tenants, only USAGE may be granted', 'revoke select, update on sequence ' || nspname || '.' || quote_ident(relname) || ' from app_viewer, app_member, app_admin, app_owner;'
    from app where relkind = 'S' and (readable or writable)
  union all
  select title, 'it is granted to PUBLIC or to a login of the server: with no role bound, nothing may be readable',
         'revoke all on ' || nspname || '.' || quote_ident(relname) || ' from public, ' || (select logins from the) || ';'
    from app where too_wide
  union all
  select title, 'it is granted WITH GRANT OPTION', 'revoke grant option for all privileges on ' || nspname || '.' || quote_ident(relname) || ' from app_viewer, app_member, app_admin, app_owner;'
    from app where passed_on
  union all
  select title, 'rule ' || quote_ident(w.rulename) || ' rewrites statements with its owner''s rights', 'write a trigger'
    from app join pg_rewrite w on w.ev_class = app.oid where w.rulename <> '_RETURN'
  union all
  select 'function ' || name, 'it belongs to ' || pg_get_userbyid(proowner), 'alter function ' || name || ' owner to ' || case when of_app then 'bulkhead_owner;' else 'bulkhead_system;' end
    from func where pg_get_userbyid(proowner) <> case when of_app then 'bulkhead_owner' else 'bulkhead_system' end
  union all
  select 'function ' || name, 'PUBLIC or a login of the server may execute it', 'revoke all on function ' || name || ' from public, ' || (select logins from the) || ';'
    from func where too_wide
  union all
  select 'function ' || name, 'it is SECURITY DEFINER and nothing says why', 'comment on function ' || name || ' is ''bulkhead: definer <reason>'';'
    from func where of_app and prosecdef and coalesce(obj_description(oid, 'pg_proc'), '') !~ 'bulkhead: definer\s+\S'
  union all
  select 'function ' || name, 'it is SECURITY DEFINER without a fixed search_path that ends with pg_temp',
         'alter function ' || name || ' set search_path = pg_catalog, ' || nspname || ', pg_temp;'
    from func
   where of_app and prosecdef
     and not exists (select from unnest(settings) s where s ~ '^search_path=(.*, )?pg_temp$' and s !~ 'pg_temp.*pg_temp')
  union all
  select 'function ' || name, 'it sets the tenant''s context or a role', 'alter function ' || name || ' reset ' || split_part(s, '=', 1) || ';'
    from func, unnest(settings) s
   where of_app and s ~* '^(role|session_authorization|session_replication_role|row_security|bulkhead\..*)='
  union all
  select 'function ' || name, 'it is LEAKPROOF: it is run before the policies and sees other tenants'' rows', 'alter function ' || name || ' not leakproof;'
    from func where of_app and proleakproof
  union all
  select 'function ' || name, 'it reads the tenant and is IMMUTABLE: a cached plan then shows another tenant''s rows', 'alter function ' || name || ' stable;'
    from func where of_app and provolatile = 'i' and prosrc ~* 'bulkhead\.tenant_id|current_setting'
  union all
  select 'function ' || name, 'it is code that no rule of the database holds (language ' || lanname || ')', 'use sql or plpgsql; extensions are the administrator''s'
    from func where of_app and not lanpltrusted
)
select title, problem, hint from wrong
