insert into app.sale (tenant_id, id, year, note) values ('{id}', 1, 2025, '{mark}first'), ('{id}', 2, 2026, '{mark}second');
insert into app.booth (tenant_id, id, seat) values ('{id}', 1, 11);
