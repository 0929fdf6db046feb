-- What functions are called with and what they return.
create function add_up(a integer, b integer) returns integer language sql immutable as $$ select a + b $$;
create function greet(name text, greeting text default 'Hello') returns text language sql immutable as
  $$ select greeting || ', ' || name $$;
create function nothing_taken() returns text language sql stable as $$ select 'nothing'::text $$;
create function no_answer(a integer) returns void language plpgsql stable as $$ begin end $$;
create function null_text() returns text language sql immutable as $$ select null::text $$;
create function as_json(n integer) returns json language sql immutable as $$ select json_build_object('n', n) $$;
create function whole_json(json) returns json language sql immutable as $$ select $1 $$;
create function whole_jsonb(jsonb) returns integer language sql immutable as $$ select jsonb_array_length($1) $$;
create function whole_text(text) returns text language sql immutable as $$ select upper($1) $$;
create function whole_bytes(bytea) returns integer language sql immutable as $$ select length($1) $$;
create function count_all(variadic items text[] default '{}') returns integer language sql immutable as
  $$ select coalesce(array_length(items, 1), 0) $$;
create function total_of(numbers integer[]) returns bigint language sql immutable as $$ select sum(n) from unnest(numbers) n $$;
create function echo(word text, flag boolean default true, amount numeric default 1.50, doc jsonb default '{}', day date default null)
  returns table (word text, flag boolean, amount numeric, doc jsonb, day date) language sql immutable as
  $$ select word, flag, amount, doc, day $$;
create function numbers(upto integer) returns setof integer language sql immutable as $$ select * from generate_series(1, upto) $$;
create function pairs(upto integer) returns table (n integer, word text) language sql immutable as
  $$ select n, 'w' || n from generate_series(1, upto) n $$;
create function halves(a integer, out half integer, out rest integer) language sql immutable as $$ select a / 2, a % 2 $$;
create function one_out(a integer, out twice integer) language sql immutable as $$ select a * 2 $$;
create function bumped(inout a integer) language sql immutable as $$ select a + 1 $$;
create function words() returns setof text language sql immutable as $$ values ('a'), ('b'), (null) $$;
create function documents_json() returns setof json language sql immutable as $$ values ('{"a": 1}'::json), ('[2]'::json) $$;
create function polymorphic(anyelement) returns anyelement language sql immutable as $$ select $1 $$;
create function pick(kind integer) returns text language sql immutable as $$ select 'integer'::text $$;
create function pick(kind text) returns text language sql immutable as $$ select 'text'::text $$;
create function pick(kind integer, other integer) returns text language sql immutable as $$ select 'two'::text $$;
create function over(a integer) returns text language sql immutable as $$ select 'a'::text $$;
create function over(a integer, b integer default 1) returns text language sql immutable as $$ select 'ab'::text $$;
create function over(c text) returns text language sql immutable as $$ select 'c'::text $$;
create function "Odd Name"("the word" text) returns text language sql immutable as $$ select "the word" $$;

create type spot as (x integer, y integer);
create function spot_at(x integer, y integer) returns spot language sql immutable as $$ select x, y $$;
create function spots() returns setof spot language sql immutable as $$ values (1, 2), (3, 4) $$;
create function across(at spot) returns integer language sql immutable as $$ select (at).x + (at).y $$;

-- Rows of the tenant's own tables, with their caller's rights.
create function client_called(client_id integer) returns client language sql stable set search_path = pg_catalog, app, pg_temp as
  $$ select * from client where id = client_id $$;
create function clients_since(first integer) returns setof client language sql stable set search_path = pg_catalog, app, pg_temp as
  $$ select * from client where id >= first $$;
create function task_list() returns setof task language plpgsql stable set search_path = pg_catalog, app, pg_temp as
  $$ begin return query select * from task; end $$;
create function client_names() returns table (id integer, name text) language sql stable set search_path = pg_catalog, app, pg_temp as
  $$ select id, name from client $$;
create function rows_and_tenants() returns table (tenant_id uuid, id integer) language sql stable
  set search_path = pg_catalog, app, pg_temp as $$ select tenant_id, id from client $$;
create function countries() returns setof country language sql stable set search_path = pg_catalog, app, pg_temp as
  $$ select * from country $$;

-- Those that write.
create function add_mark(id integer) returns integer language sql set search_path = pg_catalog, app, pg_temp as
  $$ insert into mark (id) values (add_mark.id) returning id $$;
create function add_marks(first integer, last integer) returns setof mark language sql set search_path = pg_catalog, app, pg_temp as
  $$ insert into mark (id) select generate_series(first, last) returning * $$;
create function writes_not(a integer) returns integer language sql as $$ select a $$;
create function remove_marks() returns setof mark language sql set search_path = pg_catalog, app, pg_temp as
  $$ delete from mark where tenant_id = bulkhead.tenant_id() returning * $$;

-- Errors and answers of their own.
create function raise_plain() returns void language plpgsql as
  $$ begin raise exception 'plainly wrong' using detail = 'the detail', hint = 'the hint'; end $$;
create function raise_status(status text) returns void language plpgsql as
  $$ begin raise exception using errcode = 'PT' || status, message = 'of its own', detail = 'quota', hint = 'upgrade'; end $$;
create function raise_whole(message text, detail text default null) returns void language plpgsql as
  $$ begin if detail is null then raise sqlstate 'PGRST' using message = message;
     else raise sqlstate 'PGRST' using message = message, detail = detail; end if; end $$;
create function divide(a integer, b integer) returns integer language sql immutable as $$ select a / b $$;
create function set_status(status text) returns text language plpgsql stable as
  $$ begin perform set_config('response.status', status, true); return 'said'; end $$;
create function set_headers(headers text) returns text language plpgsql stable as
  $$ begin perform set_config('response.headers', headers, true); return 'said'; end $$;
create function now_here() returns text language sql stable as $$ select current_setting('timezone') $$;

-- A trigger may answer, too.
create table letter (
  tenant_id uuid not null default bulkhead.tenant_id(),
  id integer not null,
  body text,
  primary key (tenant_id, id)
);
select bulkhead.tenant_table('letter');
create function letter_sent() returns trigger language plpgsql as
  $$ begin
    perform set_config('response.headers', '[{"X-Letter": "sent"}]', true);
    if new.body = 'refused' then raise exception sqlstate 'PT402' using message = 'Payment Required', detail = 'Quota exceeded', hint = 'Upgrade'; end if;
    if new.body = 'accepted' then perform set_config('response.status', '202', true); end if;
    return new;
  end $$;
create trigger letter_sent before insert on letter for each row execute function letter_sent();
