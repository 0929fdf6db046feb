-- An agency: clients, their projects, the projects' tasks, the people who do them. Every shape of relation that the data API
-- knows is here once; ids are given by hand, so that two tenants have the same ones.

create table country (
  code text primary key,
  name text not null unique
);
select bulkhead.shared_table('country');
comment on table country is 'The same for every agency';

create table client (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  name text not null,
  motto text,
  country_code text references country (code),
  primary key (tenant_id, id)
);
create index client_country on client (country_code);
select bulkhead.tenant_table('client');

create table project (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  name text not null,
  client_id integer,
  budget numeric(10, 2),
  primary key (tenant_id, id),
  foreign key (tenant_id, client_id) references client (tenant_id, id)
);
create index project_client on project (tenant_id, client_id);
select bulkhead.tenant_table('project');

create table task (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  name text not null,
  project_id integer,
  done boolean not null default false,
  hours integer,
  primary key (tenant_id, id),
  foreign key (tenant_id, project_id) references project (tenant_id, id)
);
create index task_project on task (tenant_id, project_id);
select bulkhead.tenant_table('task');

-- A person's boss is a person.
create table person (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  first_name text not null,
  last_name text not null,
  boss_id integer,
  primary key (tenant_id, id),
  foreign key (tenant_id, boss_id) references person (tenant_id, id)
);
create index person_boss on person (tenant_id, boss_id);
select bulkhead.tenant_table('person');

-- A junction: its primary key holds both foreign keys.
create table person_task (
  tenant_id uuid not null default bulkhead.tenant_id(),
  person_id integer not null,
  task_id integer not null,
  primary key (tenant_id, person_id, task_id),
  foreign key (tenant_id, person_id) references person (tenant_id, id),
  foreign key (tenant_id, task_id) references task (tenant_id, id)
);
create index person_task_task on person_task (tenant_id, task_id);
select bulkhead.tenant_table('person_task');

-- Refers to the junction with a key of two columns.
create table remark (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  person_id integer not null,
  task_id integer not null,
  content text not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, person_id, task_id) references person_task (tenant_id, person_id, task_id)
);
create index remark_person_task on remark (tenant_id, person_id, task_id);
select bulkhead.tenant_table('remark');

-- Two ways to people.
create table parcel (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  label text not null,
  sender_id integer,
  receiver_id integer,
  primary key (tenant_id, id),
  constraint parcel_sender foreign key (tenant_id, sender_id) references person (tenant_id, id),
  constraint parcel_receiver foreign key (tenant_id, receiver_id) references person (tenant_id, id)
);
create index parcel_by_sender on parcel (tenant_id, sender_id);
create index parcel_by_receiver on parcel (tenant_id, receiver_id);
select bulkhead.tenant_table('parcel');

-- One for each person.
create table passport (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  person_id integer not null,
  number text not null,
  traits jsonb,
  primary key (tenant_id, id),
  unique (tenant_id, person_id),
  foreign key (tenant_id, person_id) references person (tenant_id, id)
);
select bulkhead.tenant_table('passport');

create type dimensions as (width numeric, height numeric);

-- JSON, arrays, a composite type.
create table sample (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  data json,
  info jsonb,
  numbers integer[],
  words text[],
  grid integer[][],
  size dimensions,
  primary key (tenant_id, id)
);
select bulkhead.tenant_table('sample');

create table booking (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  room text not null,
  during int4range,
  primary key (tenant_id, id)
);
select bulkhead.tenant_table('booking');

create table document (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  title text not null,
  body text,
  words tsvector,
  primary key (tenant_id, id)
);
select bulkhead.tenant_table('document');

create type mood as enum ('calm', 'busy', 'wild');

-- Values of many types, and NULLs.
create table thing (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  flag boolean,
  level integer,
  ratio double precision,
  price numeric,
  day date,
  moment timestamp with time zone,
  key uuid,
  mood mood,
  image bytea,
  label text,
  primary key (tenant_id, id)
);
select bulkhead.tenant_table('thing');

-- Names that need quotes somewhere.
create table "Straße Nr" (
  tenant_id uuid not null default bulkhead.tenant_id(),
  "Id" integer not null,
  "with.dot" text,
  "with space" text,
  "with,comma" text,
  "with""quote" text,
  "dash-ed" text,
  "ключ" text,
  primary key (tenant_id, "Id")
);
select bulkhead.tenant_table('"Straße Nr"');

-- A column that has the name of a relation.
create table contest (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  task integer,
  winner text,
  primary key (tenant_id, id),
  foreign key (tenant_id, task) references task (tenant_id, id)
);
create index contest_task on contest (tenant_id, task);
select bulkhead.tenant_table('contest');

create view project_view with (security_invoker = true) as
  select p.tenant_id, p.id, p.name, p.client_id from project p;

create view open_task with (security_invoker = true) as
  select t.tenant_id, t.id as task_no, t.name as title, t.project_id as belongs_to from task t where not t.done;

create view client_budget with (security_invoker = true) as
  select c.tenant_id, c.id as client_id, c.name, sum(p.budget) as total
    from client c join project p on p.tenant_id = c.tenant_id and p.client_id = c.id
   group by c.tenant_id, c.id, c.name;

create function full_name(person) returns text language sql stable as $$ select $1.first_name || ' ' || $1.last_name $$;
create function is_big(project) returns boolean language sql stable as $$ select $1.budget >= 1000 $$;
create function payer(project) returns setof client rows 1 language sql stable set search_path = app, pg_temp
  as $$ select c.* from client c where c.tenant_id = $1.tenant_id and c.id = $1.client_id $$;
create function work(client) returns setof project language sql stable set search_path = app, pg_temp
  as $$ select p.* from project p where p.tenant_id = $1.tenant_id and p.client_id = $1.id $$;
grant execute on function full_name(person), is_big(project), payer(project), work(client) to app_viewer, app_member, app_admin, app_owner;
