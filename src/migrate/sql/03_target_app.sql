-- Schema app is a target of migrations; a database of an earlier Bulkhead has its version in the ledger. Not in a shard.
insert into bulkhead.target(schema_name, version)
select 'app', coalesce(max(m.version), 0) from bulkhead.migration m where m.schema_name = 'app'
on conflict do nothing;
