"""The rows of the benchmark: the same in every database. Row r of tenant t has the id 0…0-(t * rows + r), project p of
tenant t the id 1…0-(t * 10 + p); bench/tasks.lua and bench/ceiling.cpp count the same way."""

COLUMNS = "id, project_id, title, status, priority, due, created_at"

# Ordered by row, then tenant: a tenant's rows are spread over the heap, as they are when tenants work at the same time.
ROWS = """
select t.id, ('00000000-0000-4000-8000-' || lpad(to_hex(t.n * {rows} + r), 12, '0'))::uuid,
       ('10000000-0000-4000-8000-' || lpad(to_hex(t.n * 10 + r % 10), 12, '0'))::uuid,
       'Task ' || r || ' of the shop', case when r % 2 = 0 then 'open' else 'done' end, r % 5,
       timestamptz '2027-01-01' + r * interval '1 hour', timestamptz '2026-01-01' + (r * 1000 + t.n) * interval '1 second'
  from generate_series(0, {rows} - 1) r, bench_tenant t order by r, t.n"""
PROJECTS = """
select t.id, ('10000000-0000-4000-8000-' || lpad(to_hex(t.n * 10 + p), 12, '0'))::uuid, 'Project ' || p
  from bench_tenant t, generate_series(0, 9) p"""

PEER_SCHEMA = """
create table project (tenant_id uuid not null, id uuid not null default gen_random_uuid(), name text not null,
  primary key (tenant_id, id));
create table tasks (tenant_id uuid not null, id uuid not null default gen_random_uuid(), project_id uuid not null,
  title text not null, status text not null default 'open' check (status in ('open', 'done')),
  priority integer not null default 0, due timestamptz, created_at timestamptz not null default now(),
  primary key (tenant_id, id), foreign key (tenant_id, project_id) references project (tenant_id, id));
create index tasks_by_status on tasks (tenant_id, status, created_at desc, id desc);
create table flat_project (id uuid primary key, name text not null);
create table flat_tasks (id uuid primary key default gen_random_uuid(), project_id uuid not null references flat_project,
  title text not null, status text not null default 'open' check (status in ('open', 'done')),
  priority integer not null default 0, due timestamptz, created_at timestamptz not null default now());
create index flat_tasks_by_status on flat_tasks (status, created_at desc, id desc);
"""
PEER_RLS = """
create role founder_app login;
alter table project enable row level security; alter table project force row level security;
alter table tasks enable row level security; alter table tasks force row level security;
create policy tenant on project using (tenant_id = (select current_setting('app.tenant_id')::uuid));
create policy tenant on tasks using (tenant_id = (select current_setting('app.tenant_id')::uuid));
grant select, insert, update, delete on project, tasks to founder_app;
"""


def slug(number):
    return f"tenant-{number:05d}"


def load_bulkhead(cluster, database, tenants, rows):
    """Into a database that `bulkhead migrate` has prepared. A superuser passes row-level security; foreign keys hold by
    construction, so their triggers are left out of the loading."""
    cluster.sql(database, f"""
set session_replication_role = replica;
set search_path = app, public;
select count(catalog.create_tenant('tenant-' || lpad(n::text, 5, '0'), 'Tenant ' || n)) from generate_series(0, {tenants} - 1) n;
create temporary table bench_tenant as
  select id, substr(slug, 8)::bigint as n from catalog.tenant where slug like 'tenant-%';
insert into app.project (tenant_id, id, name) {PROJECTS};
insert into app.tasks (tenant_id, {COLUMNS}) {ROWS.format(rows=rows)};
""")
    cluster.sql(database, "vacuum (analyze, freeze)")


def copy_database(cluster, source, target):
    cluster.sql("postgres", f'create database "{target}" template "{source}" strategy file_copy')
    cluster.sql(target, "update catalog.placement set database_name = current_database()")


def load_peer(cluster, source, database, rows):
    """The founder's own database, and a table without tenants for pgbench, with the tenants of `source`."""
    tenants = cluster.sql(source, "select id, substr(slug, 8) from catalog.tenant order by slug")
    values = ", ".join(f"('{id_}'::uuid, {int(n)})" for id_, n in tenants)
    cluster.sql("postgres", f'create database "{database}"')
    cluster.sql(database, PEER_SCHEMA + f"""
set session_replication_role = replica;
create temporary table bench_tenant (id uuid, n bigint);
insert into bench_tenant values {values};
insert into project {PROJECTS};
insert into tasks (tenant_id, {COLUMNS}) {ROWS.format(rows=rows)};
insert into flat_project select id, name from project;
insert into flat_tasks select {COLUMNS} from tasks;
""" + PEER_RLS)
    cluster.sql(database, "vacuum (analyze, freeze)")


def tenant_lines(cluster, database):
    """uuid, epoch and a context that is valid for a day, for bench_ceiling."""
    return cluster.sql(database, """
select t.id, p.epoch, bulkhead.sign_context(t.id, 'app_member', 86400)
  from catalog.tenant t join catalog.placement p on p.tenant_id = t.id where slug like 'tenant-%' order by slug""")
