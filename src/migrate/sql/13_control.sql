-- Who may use the control API, and what it remembers. Runs as bulkhead_system, in the catalog's database alone.

-- An operator is known as (issuer, subject) of a verified token, as users are; being a user of a tenant has no part in it.
create table if not exists catalog.operator (
  issuer text not null,
  subject text not null,
  name text not null,
  made_at timestamptz not null default now(),
  primary key (issuer, subject)
);

-- Hosts by which a tenant wants to be reached. `verified`: it has been shown that the host is the tenant's.
create table if not exists catalog.domain (
  host text primary key check (host = lower(host) and length(host) between 4 and 253),
  tenant_id uuid not null references catalog.tenant(id) on delete cascade,
  verified boolean not null default false,
  made_at timestamptz not null default now()
);
-- What proves it: a TXT record or an answer over HTTP that holds the token. 244 random bits.
alter table catalog.domain
  add column if not exists token text not null
    default replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''),
  add column if not exists verified_at timestamptz,
  add column if not exists verified_by text not null default '' check (verified_by in ('', 'dns', 'http'));
create index if not exists domain_waiting on catalog.domain(made_at) where not verified;
create or replace trigger tell after insert or update or delete on catalog.domain
  for each row execute function catalog.tell('domain');
create index if not exists domain_tenant on catalog.domain(tenant_id, host);

-- What was answered to a POST with an Idempotency-Key, for a day: the same request again gets the same answer.
create table if not exists catalog.idempotency (
  issuer text not null,
  subject text not null,
  key text not null,
  request text not null,   -- SHA-256 of method, path and body
  status integer not null,
  location text not null,
  body text not null,
  made_at timestamptz not null default now(),
  primary key (issuer, subject, key)
);
create index if not exists idempotency_age on catalog.idempotency(made_at);

revoke all on catalog.operator, catalog.domain, catalog.idempotency
  from bulkhead_catalog, bulkhead_login, bulkhead_owner, app_viewer, app_member, app_admin, app_owner;
grant select (host, tenant_id, verified, token, made_at) on catalog.domain to bulkhead_catalog;
