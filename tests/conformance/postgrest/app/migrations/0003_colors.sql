-- A domain that has a form of its own in the API: stored as a number, written "#rrggbb".

create domain color as integer check (value between 0 and 16777215);
create function color_text(color) returns json language sql immutable as $$ select to_json('#' || lpad(upper(to_hex($1)), 6, '0')) $$;
create function color_of(text) returns color language sql immutable
  as $$ select ('x' || lpad(replace($1, '#', ''), 8, '0'))::bit(32)::integer $$;
create cast (color as json) with function color_text(color) as implicit;
create cast (text as color) with function color_of(text) as implicit;
grant execute on function color_text(color), color_of(text) to app_viewer, app_member, app_admin, app_owner;

create table paint (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  name text not null,
  shade color,
  primary key (tenant_id, id)
);
select bulkhead.tenant_table('paint');

-- For owners alone: a hint must not name it to anyone.
create table secret_plan (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  client_id integer,
  primary key (tenant_id, id),
  foreign key (tenant_id, client_id) references client (tenant_id, id)
);
create index secret_plan_client on secret_plan (tenant_id, client_id);
select bulkhead.tenant_table('secret_plan');
revoke all on secret_plan from app_viewer, app_member, app_admin;
