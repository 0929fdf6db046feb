-- What must be true of a schema that the app's migrations did not make, before tenants may be served out of it: the linter's
-- rules, asked of the catalogs. One query that changes nothing: `bulkhead adopt` asks it, and it is installed as
-- bulkhead.adopt_look. Asked with search_path = pg_catalog, so that the texts of expressions are whole.
--   $1 schema   $2 the tenant's column   $3 shared tables   $4 hidden tables   $5 roles that requests run as, besides app_…
-- Each row: rule, level (error: tenants are not kept apart), relation, what it is about, what is wrong, what a person is to do,
-- and what mends it, as a JSON list: phase, statement, phase, statement, … (10 columns, 20 indexes, 30 keys, 40 checks of rows, 50 walls).
with asked as (
  select $1::text as target, $2::text as col, $3::text[] as shared_names, $4::text[] as hidden_names, $5::text[] as roles,
         '{app_viewer,app_member,app_admin,app_owner}'::text[] as app_roles,
         'select not pg_has_role(session_user, ''bulkhead_served'', ''member'')' as others
), bound as (
  select r.* from pg_roles r, asked where r.rolname = any (asked.roles || asked.app_roles)
), who as (
  select string_agg(quote_ident(n), ', ' order by n) as names from asked, unnest(asked.roles || asked.app_roles) n
), rel as (
  select c.oid, c.relname, c.relkind, c.relowner, c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.reloptions, c.relispartition,
         c.relacl, format('%I.%I', n.nspname, c.relname) as name, a.attnum as tenant, a.atttypid as tenant_type, a.attnotnull as tenant_set,
         c.relname = any (asked.shared_names) as shared, c.relname = any (asked.hidden_names) as hidden,
         c.relkind in ('r', 'p') and a.attnum is not null and not c.relname = any (asked.shared_names || asked.hidden_names) as tenants,
         case c.relkind when 'v' then 'view ' when 'm' then 'materialized view ' when 'f' then 'foreign table ' else 'table ' end
           || format('%I.%I', n.nspname, c.relname) as about
    from asked join pg_namespace n on n.nspname = asked.target
    join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f')
    left join pg_attribute a on a.attrelid = c.oid and a.attname = asked.col and a.attnum > 0 and not a.attisdropped
   where not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
), touched as (
  -- By PUBLIC, by a role that requests run as, or by one that such a role inherits from.
  select rel.oid, p.privilege
    from rel cross join unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) p(privilege)
   where exists (select from bound where has_table_privilege(bound.oid, rel.oid, p.privilege))
      or exists (select from aclexplode(rel.relacl) a where a.grantee = 0 and a.privilege_type = p.privilege)
), uniq as (
  select rel.oid, rel.name, rel.relname, rel.relkind, rel.about, i.indexrelid, i.indisprimary, x.relname as index_name, am.amname, k.conname,
         k.contype, k.condeferrable,
         format('CREATE UNIQUE INDEX %I ON %s USING %s (', x.relname, rel.name, am.amname) as head,
         pg_get_indexdef(i.indexrelid) as def,
         left(x.relname, 52) || '_of_tenant' as fresh
    from asked, rel join pg_index i on i.indrelid = rel.oid and (i.indisunique or i.indisexclusion)
    join pg_class x on x.oid = i.indexrelid join pg_am am on am.oid = x.relam
    left join pg_constraint k on k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x') and k.conrelid = rel.oid
   where rel.tenants and not rel.relispartition
     and not exists (select from unnest(i.indkey::int2[]) with ordinality u(n, place) where u.place <= i.indnkeyatts and u.n = rel.tenant)
), fk as (
  select k.conname, f.name as from_name, f.relname, f.about, t.name as to_name, f.tenants as from_tenants, f.hidden as from_hidden,
         k.convalidated, k.confmatchtype, pg_get_constraintdef(k.oid) as def,
         (select string_agg(quote_ident(a.attname), ', ' order by u.place) from unnest(k.conkey) with ordinality u(n, place)
            join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.n where u.n <> f.tenant) as from_columns,
         (select string_agg(quote_ident(a.attname), ', ' order by u.place) from unnest(k.confkey) with ordinality u(n, place)
            join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.n where u.n <> t.tenant) as to_columns,
         case k.confdeltype when 'c' then ' on delete cascade' when 'r' then ' on delete restrict'
              when 'n' then ' on delete set null (COLUMNS)' when 'd' then ' on delete set default (COLUMNS)' else '' end as on_delete,
         case k.confupdtype when 'c' then ' on update cascade' when 'r' then ' on update restrict' else '' end as on_update,
         case when k.condeferred then ' deferrable initially deferred' when k.condeferrable then ' deferrable' else '' end as deferred
    from pg_constraint k join rel f on f.oid = k.conrelid join rel t on t.oid = k.confrelid
   where k.contype = 'f' and k.conparentid = 0 and t.tenants
     and not exists (select from unnest(k.conkey, k.confkey) as pair(here, there) where pair.here = f.tenant and pair.there = t.tenant)
), floor as (
  -- As PostgreSQL writes them.
  select rel.oid, format('(( SELECT (NOT pg_has_role(SESSION_USER, ''bulkhead_served''::name, ''member''::text))) OR (%s = ( SELECT bulkhead.tenant_id() AS tenant_id)))',
                         quote_ident(asked.col)) as wanted,
         format('(%s) or %I = (select bulkhead.tenant_id())', asked.others, asked.col) as written,
         format('%I = (select bulkhead.tenant_id())', asked.col) as own
    from rel, asked
), func as (
  select p.*, p.oid::regprocedure::text as name, coalesce(obj_description(p.oid, 'pg_proc'), '') as said,
         exists (select from bound where has_function_privilege(bound.oid, p.oid, 'execute'))
           or exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0) as callable
    from asked join pg_namespace n on n.nspname = asked.target join pg_proc p on p.pronamespace = n.oid
   where p.prokind in ('f', 'p')
     and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
), wrong(rule, level, relation, about, problem, advice, mends) as (
  select 'schema-missing', 'error', null, 'schema ' || target, 'there is no such schema', 'name one that is there: --schema NAME', null::text[]
    from asked where not exists (select from pg_namespace where nspname = target)
  union all
  select 'role-statement', 'error', null, 'role ' || n, 'there is no such role', 'name one that is there, or none: --role NAME', null
    from asked, unnest(asked.roles) n where not exists (select from pg_roles where rolname = n)
  union all
  select 'role-statement', 'error', null, 'role ' || quote_ident(rolname), 'it is above row-level security, or may make roles or databases',
         'let requests run as another', null
    from bound where rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication
  union all
  select distinct 'role-statement', 'error', null, 'role ' || quote_ident(bound.rolname), 'it owns tables of the schema, or is a member of who does',
         'let requests run as another', null::text[]
    from bound, rel where not bound.rolsuper and pg_has_role(bound.oid, rel.relowner, 'member')
  union all
  select 'grant-missing', 'warning', null, 'schema ' || target, 'Bulkhead''s roles may not use it', '',
         array['50', format('grant usage on schema %I to app_viewer, app_member, app_admin, app_owner', target)]
    from asked, pg_namespace n
   where n.nspname = asked.target
     and exists (select from unnest(asked.app_roles) r where not exists (select from pg_roles x where x.rolname = r and has_schema_privilege(x.oid, n.oid, 'usage')))
  union all
  select 'unmarked-table', 'error', relname, about, 'it has no column ' || asked.col,
         'say what it is: --shared ' || relname || ' (all tenants read it), --hidden ' || relname || ' (no tenant does), or give its rows a tenant', null
    from rel, asked where relkind in ('r', 'p') and tenant is null and not shared and not hidden and not relispartition
  union all
  select 'tenant-id-shape', 'error', relname, about, 'it is to be shared, and its rows have a tenant', 'leave out --shared ' || relname, null
    from rel where shared and tenant is not null
  union all
  select 'tenant-id-shape', 'error', relname, about, format('its column %s is of type %s, not uuid', asked.col, format_type(tenant_type, null)),
         'no SQL can tell which uuid a tenant is to have: add a column of type uuid, fill it, and adopt with that one', null
    from rel, asked where tenants and tenant_type <> 'uuid'::regtype
  union all
  select 'tenant-id-shape', 'error', relname, about, format('its column %s may be null', asked.col), 'give rows without a tenant one, or delete them, first',
         array['10', format('alter table %s add constraint bulkhead_has_tenant check (%I is not null) not valid', name, asked.col),
               '10', format('alter table %s validate constraint bulkhead_has_tenant', name),
               '10', format('alter table %s alter column %I set not null', name, asked.col),
               '10', format('alter table %s drop constraint bulkhead_has_tenant', name)]
    from rel, asked where tenants and not tenant_set
  union all
  select 'primary-key-missing', 'warning', relname, about, 'it has no primary key', 'give it one: the API names a row by its key', null
    from rel where tenants and not relispartition and not exists (select from pg_index i where i.indrelid = rel.oid and i.indisprimary)
  union all
  select case when indisprimary then 'primary-key-tenant' else 'unique-tenant' end, 'error', relname, about,
         format('%s %s does not hold %s: a key that another tenant uses would be told', case when indisprimary then 'primary key' else 'unique key' end,
                quote_ident(coalesce(conname, index_name)), asked.col),
         case when relkind = 'p' or contype = 'x' or not starts_with(def, head) then 'make it anew by hand, with ' || asked.col || ' in it' else '' end,
         case when relkind = 'p' or contype = 'x' or not starts_with(def, head) then null
              else array['20', format('drop index concurrently if exists %I.%I', asked.target, fresh),
                         '20', format('create unique index concurrently %I on %s using %s (%I, ', fresh, name, amname, asked.col) || substr(def, length(head) + 1)]
                || case when contype in ('p', 'u')
                        then array['31', format('alter table %s drop constraint %I, add constraint %I %s using index %I%s', name, conname, conname,
                                                case contype when 'p' then 'primary key' else 'unique' end, fresh,
                                                case when condeferrable then ' deferrable' else '' end)]
                        else array['31', format('drop index %I.%I', asked.target, index_name),
                                   '31', format('alter index %I.%I rename to %I', asked.target, fresh, index_name)] end
         end
    from uniq, asked
  union all
  select 'foreign-key-tenant', 'error', relname, about, format('foreign key %s to %s does not carry %s: the row may be another tenant''s', quote_ident(conname), to_name, asked.col),
         case when confmatchtype = 'f' then 'MATCH FULL cannot carry it: make it anew by hand' else 'a row that refers to another tenant''s is found by the last statement: mend it, and run that again' end,
         case when confmatchtype = 'f' then null
              else array['30', format('alter table %s drop constraint %I', from_name, conname),
                         '32', format('alter table %s add constraint %I foreign key (%I, %s) references %s (%I, %s)%s%s%s not valid', from_name, conname,
                                      asked.col, from_columns, to_name, asked.col, to_columns, replace(on_delete, 'COLUMNS', from_columns), on_update, deferred),
                         '40', format('alter table %s validate constraint %I', from_name, conname)] end
    from fk, asked where from_tenants and from_columns is not null
  union all
  select 'shared-references-tenant', case when from_hidden then 'warning' else 'error' end, relname, about,
         format('foreign key %s refers to %s, whose rows are tenants''', quote_ident(conname), to_name),
         'drop it, or give its rows a tenant; until then the key that it refers to cannot be made anew', null
    from fk where not from_tenants
  union all
  select 'rls-off', 'error', relname, about, case when relrowsecurity then 'row-level security does not hold for its owner' else 'it has no row-level security' end, '',
         case when relrowsecurity then '{}'::text[] else
           array['50', format('alter table %s enable row level security', name),
                 '50', format('drop policy if exists bulkhead_others on %s', name),
                 -- Who could read it before still can, but through Bulkhead.
                 '50', format('create policy bulkhead_others on %s using ((%s))', name, asked.others)] end
         || array['50', format('alter table %s force row level security', name),
                  '50', format('drop policy if exists bulkhead_of_owner on %s', name),
                  '50', format('create policy bulkhead_of_owner on %s to %s using ((%s))', name, quote_ident(pg_get_userbyid(relowner)), asked.others)]
    from rel, asked where tenants and not (relrowsecurity and relforcerowsecurity)
  union all
  select 'policy-floor', 'error', relname, about, 'no policy of its keeps each request to its tenant', '',
         array['50', format('drop policy if exists bulkhead_floor on %s', name),
               '50', format('create policy bulkhead_floor on %s as restrictive using (%s) with check (%s)', name, f.written, f.written)]
    from rel join floor f using (oid), asked
   where tenants and tenant_type = 'uuid'::regtype
     and not exists (select from pg_policy p where p.polrelid = rel.oid and not p.polpermissive and p.polcmd = '*' and p.polroles = '{0}'
                       and pg_get_expr(p.polqual, p.polrelid) = f.wanted and pg_get_expr(p.polwithcheck, p.polrelid) = f.wanted)
  union all
  select 'policy-missing', 'warning', relname, about, 'Bulkhead''s own roles see nothing of it', '',
         array['50', format('drop policy if exists bulkhead_tenant on %s', name),
               '50', format('create policy bulkhead_tenant on %s to %s using (%s) with check (%s)', name,
                            case when relrowsecurity then array_to_string(asked.app_roles, ', ') else (select names from who) end, f.own, f.own)]
    from rel join floor f using (oid), asked
   where tenants and tenant_type = 'uuid'::regtype and not exists (select from pg_policy p where p.polrelid = rel.oid and p.polname = 'bulkhead_tenant')
  union all
  select 'policy-missing', 'warning', relname, about, format('no policy lets %s see its rows', quote_ident(bound.rolname)), 'write one, if it should', null
    from rel, bound, asked
   where tenants and relrowsecurity and bound.rolname = any (asked.roles)
     and not exists (select from pg_policy p where p.polrelid = rel.oid and p.polpermissive and p.polcmd in ('*', 'r')
                       and exists (select from unnest(p.polroles) r where r = 0 or pg_has_role(bound.oid, r, 'usage')) and p.polname not like 'bulkhead\_o%')
  union all
  select 'policy-open', 'warning', relname, about, format('policy %s is true for all rows', quote_ident(p.polname)), 'the floor keeps it to one tenant; name the tenant in it all the same', null
    from rel join pg_policy p on p.polrelid = rel.oid where tenants and p.polpermissive and pg_get_expr(p.polqual, p.polrelid) = 'true'
  union all
  select 'grant-too-much', 'error', relname, about, 'requests could truncate it, refer to it or make triggers on it, past row-level security', '',
         array['50', format('revoke truncate, references, trigger on %s from public, %s', name, (select names from who))]
    from rel where relkind in ('r', 'p') and exists (select from touched t where t.oid = rel.oid and t.privilege in ('TRUNCATE', 'REFERENCES', 'TRIGGER'))
  union all
  select 'grant-missing', 'warning', relname, about, 'Bulkhead''s own roles may not use it', '',
         array['50', format('grant select on %s to app_viewer, app_member, app_admin, app_owner', name)]
         || case when tenants and relkind in ('r', 'p') then array['50', format('grant insert, update, delete on %s to app_member, app_admin, app_owner', name)] else '{}' end
         || coalesce((select array_agg(x) from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S',
                             unnest(array['50', format('grant usage on sequence %s to app_member, app_admin, app_owner', s.oid::regclass)]) x
                       where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = rel.oid and d.deptype = 'a'), '{}')
    from rel, asked
   where not relispartition and (tenants or shared or (relkind = 'v' and tenant is not null))
     and not exists (select from pg_roles r where r.rolname = 'app_viewer' and has_table_privilege(r.oid, rel.oid, 'select'))
  union all
  select 'grant-too-much', 'error', relname, about, 'it is shared, and requests could write what all tenants read',
         'whoever else writes it as one of these roles needs another', array['50', format('revoke insert, update, delete on %s from public, %s', name, (select names from who))]
    from rel where shared and exists (select from touched t where t.oid = rel.oid and t.privilege in ('INSERT', 'UPDATE', 'DELETE'))
  union all
  select case when relrowsecurity then 'policy-floor' else 'rls-off' end, 'error', relname, about, 'it is hidden, and requests could reach it',
         case when relrowsecurity then 'policies of other tables that look into it see nothing there any more, for Bulkhead''s requests' else '' end,
         case when relrowsecurity then '{}'::text[] else
           array['50', format('alter table %s enable row level security', name),
                 '50', format('drop policy if exists bulkhead_others on %s', name),
                 '50', format('create policy bulkhead_others on %s using ((%s))', name, asked.others)] end
         || array['50', format('drop policy if exists bulkhead_floor on %s', name),
                  '50', format('create policy bulkhead_floor on %s as restrictive using ((%s))', name, asked.others)]
    from rel, asked
   where hidden and relkind in ('r', 'p') and exists (select from touched t where t.oid = rel.oid and t.privilege in ('SELECT', 'INSERT', 'UPDATE', 'DELETE'))
     and not (relrowsecurity and exists (select from pg_policy p where p.polrelid = rel.oid and not p.polpermissive and p.polcmd = '*' and p.polroles = '{0}'
              and pg_get_expr(p.polqual, p.polrelid) = '( SELECT (NOT pg_has_role(SESSION_USER, ''bulkhead_served''::name, ''member''::text)))'))
  union all
  select 'view-invoker', 'error', relname, about, 'it reads with its owner''s rights, past the caller''s policies', 'whoever reads it will need the rights on its tables',
         array['50', format('alter view %s set (security_invoker = true)', name)]
    from rel
   where relkind = 'v' and not exists (select from pg_options_to_table(reloptions) o where o.option_name = 'security_invoker' and o.option_value in ('true', 'on', 'yes', '1'))
  union all
  select 'view-without-tenant', 'warning', relname, about, 'it does not show ' || asked.col || ', so it is not served', 'show it, and join on it', null
    from rel, asked where relkind = 'v' and tenant is null
  union all
  select case relkind when 'm' then 'materialized-view' else 'foreign-data' end, 'error', relname, about, 'row-level security does not reach it, and requests could read it',
         'it is not served: make it a view, or a table that a trigger keeps', array['50', format('revoke all on %s from public, %s', name, (select names from who))]
    from rel where relkind in ('m', 'f') and exists (select from touched t where t.oid = rel.oid)
  union all
  select 'rewrite-rule', 'error', relname, about, format('rule %s acts with its owner''s rights', quote_ident(w.rulename)), 'write a trigger instead', null
    from rel join pg_rewrite w on w.ev_class = rel.oid where w.rulename <> '_RETURN'
  union all
  select 'replica-identity', 'warning', relname, about, 'changes of its rows do not tell the key', '', array['50', format('alter table %s replica identity default', name)]
    from rel where tenants and relreplident <> 'd'
  union all
  select 'definer-reason', case when prorettype = 'trigger'::regtype then 'warning' else 'error' end, null, 'function ' || name,
         'it runs with its owner''s rights, and nothing says why that is safe',
         format('read it: does it keep to bulkhead.tenant_id()? Then: comment on function %s is ''bulkhead: definer <reason>''; else: alter function %s security invoker', name, name), null
    from func where prosecdef and callable and said !~ 'bulkhead: definer\s+\S'
  union all
  select 'definer-search-path', 'error', null, 'function ' || name, 'it runs with its owner''s rights, and finds its tables by the caller''s search_path', '',
         array['50', format('alter function %s set search_path = %I, pg_temp', name, asked.target)]
    from func, asked
   where prosecdef and callable and prorettype <> 'trigger'::regtype and not exists (select from unnest(proconfig) s where s ~ '^search_path=')
  union all
  select 'leakproof', 'error', null, 'function ' || name, 'it is run before the policies and sees other tenants'' rows', '', array['50', format('alter function %s not leakproof', name)]
    from func where proleakproof
  union all
  select 'tenant-immutable', 'error', null, 'function ' || name, 'it reads the tenant or a setting and is IMMUTABLE: a cached plan then shows another tenant''s rows', '',
         array['50', format('alter function %s stable', name)]
    from func where provolatile = 'i' and prosrc ~* 'tenant_id\(\)|current_setting'
  union all
  select 'tenant-context', 'error', null, 'function ' || name, 'it sets the tenant''s context or a role', 'take that out of it', null
    from func where prosrc ~* 'bulkhead\.context|set_config\(\s*''role''' or exists (select from unnest(proconfig) s where s ~* '^(role|session_authorization|row_security|bulkhead\..*)=')
  union all
  select distinct 'default-privileges', 'warning', null, 'default privileges of ' || pg_get_userbyid(d.defaclrole), 'tables that it makes later are granted at once, before anybody has judged them',
         'they are not served until `bulkhead adopt` has looked again', null::text[]
    from asked, pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace
   where d.defaclobjtype = 'r' and (d.defaclnamespace = 0 or n.nspname = asked.target)
     and exists (select from aclexplode(d.defaclacl) a where a.grantee = 0 or a.grantee in (select oid from bound))
  union all
  select 'outside-app', case when c.relrowsecurity then 'warning' else 'error' end, null, 'table ' || c.oid::regclass,
         case when c.relrowsecurity then 'functions that requests call could read it, and its own policies alone keep tenants apart there'
              else 'functions that requests call could read it, and nothing keeps tenants apart there' end,
         'if it is the same for all tenants: --shared ' || c.oid::regclass || '; else take the right to read it from the roles that requests run as', null
    from asked, pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'm', 'f') and n.nspname not in (asked.target, 'pg_catalog', 'information_schema', 'bulkhead')
     and n.nspname !~ '^pg_(toast|temp)' and not c.oid::regclass::text = any (asked.shared_names)
     and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
     and exists (select from bound where has_schema_privilege(bound.oid, n.oid, 'usage') and has_table_privilege(bound.oid, c.oid, 'select'))
  union all
  select 'shared-sequence', 'warning', relname, about, format('column %s is numbered for all tenants together: each sees from the gaps how much the others write', quote_ident(a.attname)),
         'a uuid tells nothing', null
    from rel join pg_attribute a on a.attrelid = rel.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
   where tenants and not relispartition and (a.attidentity <> '' or pg_get_expr(d.adbin, d.adrelid) like 'nextval(%')
)
select rule, level, relation::text, about, problem, advice, coalesce(array_to_json(mends)::text, '[]') from wrong order by level, about, rule, problem
