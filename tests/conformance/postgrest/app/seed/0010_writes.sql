insert into app.language (tenant_id, name, rank) values
  ('{id}', '{mark}Ada', 1), ('{id}', 'Basic', 2), ('{id}', 'Cobol', 3);
insert into app.employee (tenant_id, first_name, last_name, salary, company) values
  ('{id}', 'Ann', 'Roe', 100, '{mark}Acme'), ('{id}', 'Bob', 'Poe', 200, '{mark}Bell');
insert into app.voucher (tenant_id, id, code, series, worth, note) values
  ('{id}', 1, 'spring', 1, 10, '{mark}first'), ('{id}', 2, 'spring', 2, 20, null);
insert into app.mark (tenant_id, id) values ('{id}', 1), ('{id}', 2);
insert into app."Odd Names" (tenant_id, "idOdd", "the name") values ('{id}', 1, '{mark}one');
