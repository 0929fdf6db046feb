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
    execute format('alter role %I password %L', login, (select secret from catalog.credential where name = 'password:' || login));
  end loop;
  if not exists (select from bulkhead.binding_key where not_after = 'infinity') then
    perform bulkhead.rotate_binding_key();
  end if;
end
$$;
