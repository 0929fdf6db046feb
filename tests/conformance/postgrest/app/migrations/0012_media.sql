-- Functions that answer in a media type of their own, and a domain that the API reads from JSON.
create domain "text/html" as text;
create domain "text/plain" as text;
create domain "text/xml" as xml;
create domain "image/gif" as bytea;
create domain "*/*" as bytea;

create function hello_html() returns "text/html" language sql immutable as $$ select '<h1>Hello, "you"</h1>' $$;
create function hello_plain(name text default 'you') returns "text/plain" language sql immutable as $$ select 'Hello, ' || name $$;
create function hello_xml() returns "text/xml" language sql immutable as $$ select xmlelement(name hello) $$;
create function two_plain() returns setof "text/plain" language sql immutable as $$ values ('a'), ('b') $$;
create function no_plain() returns "text/plain" language sql immutable as $$ select null $$;
create function dot() returns "image/gif" language sql immutable as $$ select '\x474946383961'::bytea $$;
create function anything() returns "*/*" language sql immutable as $$ select 'any'::bytea $$;
create function chosen() returns "*/*" language plpgsql stable as $$
begin
  perform set_config('response.headers', '[{"Content-Type": "app/chosen"}]', true);
  return 'chosen'::bytea;
end $$;
create function client_list() returns "text/plain" language sql stable set search_path = pg_catalog, app, pg_temp
  as $$ select string_agg(name, ';' order by id) from client $$;
grant execute on function hello_html(), hello_plain(text), hello_xml(), two_plain(), no_plain(), dot(), anything(), chosen(),
  client_list() to app_viewer, app_member, app_admin, app_owner;

-- Stored as cents, written as "12.50 EUR".
create domain money_text as bigint;
create function money_shown(money_text) returns json language sql immutable as
  $$ select to_json(($1 / 100)::text || '.' || lpad(($1 % 100)::text, 2, '0') || ' EUR') $$;
create function money_read(json) returns money_text language sql immutable as
  $$ select (replace(split_part($1 #>> '{}', ' ', 1), '.', ''))::bigint $$;
create cast (money_text as json) with function money_shown(money_text) as implicit;
create cast (json as money_text) with function money_read(json) as implicit;
grant execute on function money_shown(money_text), money_read(json) to app_viewer, app_member, app_admin, app_owner;

create table price (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  label text,
  amount money_text default 0,
  primary key (tenant_id, id)
);
select bulkhead.tenant_table('price');
