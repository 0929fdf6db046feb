-- Takes out what 11_schema_made and the migrations made. Runs as the administrator, with bulkhead.schema set for the
-- transaction. What is not there is no error.
do $$
declare
  target constant text := current_setting('bulkhead.schema');
  own text;
begin
  execute format('drop schema if exists %I cascade', target);
  delete from bulkhead.counter c using bulkhead.residency r where r.schema_name = target and r.tenant_id = c.tenant_id;
  delete from bulkhead.residency r where r.schema_name = target;
  delete from bulkhead.migration m where m.schema_name = target;
  delete from bulkhead.target t where t.schema_name = target;
  foreach own in array array[target || '_viewer', target || '_member', target || '_admin', target || '_owner'] loop
    execute format('drop role if exists %I', own);
  end loop;
end
$$;
