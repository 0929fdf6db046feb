-- What writes are about: keys of one and of several columns, a key besides the primary one, defaults, a table that has nothing
-- but its key, one without a key, one whose rows are checked.
create table language (
  tenant_id uuid not null default bulkhead.tenant_id(),
  name text not null,
  rank smallint,
  primary key (tenant_id, name)
);
select bulkhead.tenant_table('language');

create table employee (
  tenant_id uuid not null default bulkhead.tenant_id(),
  first_name text not null,
  last_name text not null,
  salary integer,
  company text,
  primary key (tenant_id, first_name, last_name)
);
select bulkhead.tenant_table('employee');

create table voucher (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  code text,
  series integer,
  worth integer not null default 5 check (worth > 0),
  note text default 'none',
  primary key (tenant_id, id),
  unique (tenant_id, code, series)
);
select bulkhead.tenant_table('voucher');

create table mark (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  primary key (tenant_id, id)
);
select bulkhead.tenant_table('mark');

create table "Odd Names" (
  tenant_id uuid not null default bulkhead.tenant_id(),
  "idOdd" integer not null,
  "the name" text,
  primary key (tenant_id, "idOdd")
);
select bulkhead.tenant_table('"Odd Names"');
