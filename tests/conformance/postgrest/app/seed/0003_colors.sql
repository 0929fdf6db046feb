insert into app.paint (tenant_id, id, name, shade) values
  ('{id}', 1, '{mark}sky', 255), ('{id}', 2, '{mark}grass', 65280), ('{id}', 3, '{mark}none', null);
insert into app.secret_plan (tenant_id, id, client_id) values ('{id}', 1, 1);
