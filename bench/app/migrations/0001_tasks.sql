create table project (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id uuid not null default gen_random_uuid(),
  name text not null,
  primary key (tenant_id, id)
);
select bulkhead.tenant_table('project');

create table tasks (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id uuid not null default gen_random_uuid(),
  project_id uuid not null,
  title text not null,
  status text not null default 'open' check (status in ('open', 'done')),
  priority integer not null default 0,
  due timestamptz,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  foreign key (tenant_id, project_id) references project (tenant_id, id)
);
create index tasks_by_status on tasks (tenant_id, status, created_at desc, id desc);
select bulkhead.tenant_table('tasks');
