insert into app.price (tenant_id, id, label, amount) values ('{id}', 1, '{mark}tea', 250), ('{id}', 2, '{mark}cake', null);
