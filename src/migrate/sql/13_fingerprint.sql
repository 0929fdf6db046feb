-- A hash over what a schema holds, the same for every schema whose tables are the same: names and texts, no OIDs, and the
-- schema's own name read as "app". Not installed: one query, asked with bulkhead.schema = the schema, and with search_path =
-- pg_catalog, so that PostgreSQL's texts name all things in full.
with target as (
  select n.oid, n.nspname from pg_catalog.pg_namespace n where n.nspname = current_setting('bulkhead.schema')
), relation as (
  select c.* from pg_catalog.pg_class c join target on c.relnamespace = target.oid where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')
), line(text) as (
  select row('relation', c.relname, c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.reloptions,
             pg_get_userbyid(c.relowner), case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end,
             case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end, pg_get_expr(c.relpartbound, c.oid),
             (select string_agg(i.inhparent::regclass::text, ',' order by i.inhseqno) from pg_inherits i where i.inhrelid = c.oid),
             (select string_agg(concat(a.grantee::regrole, ' ', a.privilege_type, a.is_grantable), ',' order by a.grantee::regrole::text collate "C", a.privilege_type collate "C")
                from aclexplode(c.relacl) a where a.grantee <> c.relowner))::text
    from relation c
  union all
  -- By order, not by number: a column that was dropped leaves a gap.
  select row('column', c.relname, row_number() over (partition by c.oid order by a.attnum), a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
             a.attidentity, a.attgenerated, case when a.attcollation <> t.typcollation then a.attcollation::regcollation end, pg_get_expr(d.adbin, d.adrelid),
             (select string_agg(concat(x.grantee::regrole, ' ', x.privilege_type, x.is_grantable), ',' order by x.grantee::regrole::text collate "C", x.privilege_type collate "C")
                from aclexplode(a.attacl) x))::text
    from relation c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped join pg_type t on t.oid = a.atttypid
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
   where c.relkind <> 'S'
  union all
  select row('constraint', c.relname, k.conname, k.convalidated, pg_get_constraintdef(k.oid, true))::text
    from relation c join pg_constraint k on k.conrelid = c.oid
  union all
  select row('index', c.relname, i.indisvalid, i.indisreplident, pg_get_indexdef(i.indexrelid, 0, true))::text
    from relation c join pg_index i on i.indrelid = c.oid
  union all
  select row('policy', c.relname, p.polname, p.polcmd, p.polpermissive, (select string_agg(r::regrole::text, ',' order by r::regrole::text collate "C") from unnest(p.polroles) r),
             pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))::text
    from relation c join pg_policy p on p.polrelid = c.oid
  union all
  select row('trigger', c.relname, t.tgenabled, pg_get_triggerdef(t.oid, true))::text
    from relation c join pg_trigger t on t.tgrelid = c.oid where not t.tgisinternal
  union all
  select row('rule', c.relname, pg_get_ruledef(w.oid))::text
    from relation c join pg_rewrite w on w.ev_class = c.oid where w.rulename <> '_RETURN'
  union all
  select row('sequence', c.relname, s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcycle)::text
    from relation c join pg_sequence s on s.seqrelid = c.oid
  union all
  select row('function', p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), p.prokind, p.prolang, p.prosecdef, p.proleakproof,
             p.proisstrict, p.provolatile, p.proparallel, p.proconfig, p.prosrc, pg_get_function_sqlbody(p.oid), pg_get_userbyid(p.proowner),
             (select string_agg(concat(a.grantee::regrole, ' ', a.privilege_type, a.is_grantable), ',' order by a.grantee::regrole::text collate "C", a.privilege_type collate "C")
                from aclexplode(p.proacl) a where a.grantee <> p.proowner))::text
    from target join pg_proc p on p.pronamespace = target.oid
  union all
  select row('type', t.typname, t.typtype, t.typnotnull, t.typdefault, case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end,
             (select string_agg(pg_get_constraintdef(k.oid, true), ',' order by k.conname collate "C") from pg_constraint k where k.contypid = t.oid),
             (select string_agg(e.enumlabel, ',' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid))::text
    from target join pg_type t on t.typnamespace = target.oid where t.typtype in ('d', 'e', 'r')
)
select encode(sha256(convert_to(coalesce(string_agg(named.text, E'\n' order by named.text collate "C"), ''), 'UTF8')), 'hex')
  from (select replace(line.text, target.nspname, 'app') as text from line, target) named
