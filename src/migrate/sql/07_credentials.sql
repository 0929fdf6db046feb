-- Passwords of the two logins and the first signing key. Runs as the administrator: ALTER ROLE needs CREATEROLE. The
-- password never stands in a statement's text, which the server's log might keep.
do $$
declare
  login text;
begin
  foreach login in array array['bulkhead_login', 'bulkhead_catalog'] loop
    insert into catalog.credential(name, secret)
    values ('password:' || login, encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex'))
    on conflict do nothing;
    -- A login may change its own password and settings, and so may SQL that somebody injects.
    execute format('alter role %I reset all', login);
    execute format('alter role %I in database %I reset all', login, current_database());
    execute format('alter role %I password %L', login, (select secret from catalog.credential where name = 'password:' || login));
  end loop;
  -- Roles belong to the cluster. Another database of it finds the passwords by this (bootstrap.cpp).
  if not exists (select from pg_catalog.pg_roles r join pg_catalog.pg_database d
                     on 'Bulkhead: passwords in database ' || d.datname = shobj_description(r.oid, 'pg_authid')
                  where r.rolname = 'bulkhead_login') then
    execute format('comment on role bulkhead_login is %L', 'Bulkhead: passwords in database ' || current_database());
  end if;
  if not exists (select from bulkhead.binding_key where not_after = 'infinity') then
    perform bulkhead.rotate_binding_key();
  end if;
end
$$;
