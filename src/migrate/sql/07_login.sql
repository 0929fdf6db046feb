-- For a database that does not hold the catalog: functions of this transaction alone, by which the administrator gives its
-- login a password. It is made here and goes out as a result, so that it stands in no statement's text, which the
-- server's log might keep.
create function pg_temp.renew_login(login text) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  password constant text := encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex');
begin
  -- A login may change its own password and settings, and so may SQL that somebody injects.
  execute format('alter role %I reset all', login);
  execute format('alter role %I in database %I reset all', login, current_database());
  execute format('alter role %I password %L', login, password);
  return password;
end
$$;
