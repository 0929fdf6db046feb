-- Who sells, who buys, and what was bought.

create table employee (
  tenant_id uuid not null default bulkhead.tenant_id(),
  employee_id integer not null,
  last_name text not null,
  first_name text not null,
  title text,
  reports_to integer,
  birth_date timestamp,
  hire_date timestamp,
  address text,
  city text,
  state text,
  country text,
  postal_code text,
  phone text,
  fax text,
  email text,
  primary key (tenant_id, employee_id),
  foreign key (tenant_id, reports_to) references employee (tenant_id, employee_id)
);
create index employee_reports_to on employee (tenant_id, reports_to);
select bulkhead.tenant_table('employee');
select bulkhead.tenant_numbered('employee', 'employee_id');

create table customer (
  tenant_id uuid not null default bulkhead.tenant_id(),
  customer_id integer not null,
  first_name text not null,
  last_name text not null,
  company text,
  address text,
  city text,
  state text,
  country text,
  postal_code text,
  phone text,
  fax text,
  email text not null,
  support_rep_id integer,
  primary key (tenant_id, customer_id),
  foreign key (tenant_id, support_rep_id) references employee (tenant_id, employee_id)
);
create index customer_support_rep on customer (tenant_id, support_rep_id);
create index customer_email on customer (tenant_id, email);
select bulkhead.tenant_table('customer');
select bulkhead.tenant_numbered('customer', 'customer_id');

create table invoice (
  tenant_id uuid not null default bulkhead.tenant_id(),
  invoice_id integer not null,
  customer_id integer not null,
  invoice_date timestamp not null default (now() at time zone 'UTC'),
  billing_address text,
  billing_city text,
  billing_state text,
  billing_country text,
  billing_postal_code text,
  total numeric(10, 2) not null check (total >= 0),
  primary key (tenant_id, invoice_id),
  foreign key (tenant_id, customer_id) references customer (tenant_id, customer_id)
);
create index invoice_customer on invoice (tenant_id, customer_id);
create index invoice_newest on invoice (tenant_id, invoice_date desc, invoice_id desc);
select bulkhead.tenant_table('invoice');
select bulkhead.tenant_numbered('invoice', 'invoice_id');

create table invoice_line (
  tenant_id uuid not null default bulkhead.tenant_id(),
  invoice_line_id integer not null,
  invoice_id integer not null,
  track_id integer not null,
  unit_price numeric(10, 2) not null check (unit_price >= 0),
  quantity integer not null check (quantity > 0),
  primary key (tenant_id, invoice_line_id),
  foreign key (tenant_id, invoice_id) references invoice (tenant_id, invoice_id) on delete cascade,
  foreign key (tenant_id, track_id) references track (tenant_id, track_id)
);
create index invoice_line_invoice on invoice_line (tenant_id, invoice_id);
create index invoice_line_track on invoice_line (tenant_id, track_id);
select bulkhead.tenant_table('invoice_line');
select bulkhead.tenant_numbered('invoice_line', 'invoice_line_id');
