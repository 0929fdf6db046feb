insert into app.client (tenant_id, id, name, motto, country_code) values
  ('{id}', 1, '{mark}Acorn', 'grow', 'DE'), ('{id}', 2, '{mark}Birch', null, 'FR'), ('{id}', 3, '{mark}Cedar', '', null);
insert into app.project (tenant_id, id, name, client_id, budget) values
  ('{id}', 1, '{mark}Poster', 1, 500.00), ('{id}', 2, '{mark}Film', 1, 2500.50), ('{id}', 3, '{mark}Web', 2, 1000.00),
  ('{id}', 4, '{mark}Radio', 2, null), ('{id}', 5, '{mark}Orphan', null, 10.00);
insert into app.task (tenant_id, id, name, project_id, done, hours) values
  ('{id}', 1, '{mark}Sketch', 1, true, 4), ('{id}', 2, '{mark}Print', 1, false, 8), ('{id}', 3, '{mark}Script', 2, true, 16),
  ('{id}', 4, '{mark}Shoot', 2, false, 40), ('{id}', 5, '{mark}Layout', 3, false, 12), ('{id}', 6, '{mark}Code', 3, false, null),
  ('{id}', 7, '{mark}Record', 4, true, 6), ('{id}', 8, '{mark}Loose', null, false, 1);
insert into app.person (tenant_id, id, first_name, last_name, boss_id) values
  ('{id}', 1, '{mark}Ada', 'Bell', null), ('{id}', 2, '{mark}Cem', 'Dorn', 1), ('{id}', 3, '{mark}Eva', 'Fink', 1),
  ('{id}', 4, '{mark}Gil', 'Hahn', 2);
insert into app.person_task (tenant_id, person_id, task_id) values
  ('{id}', 1, 1), ('{id}', 1, 2), ('{id}', 1, 3), ('{id}', 2, 1), ('{id}', 2, 5), ('{id}', 2, 6), ('{id}', 3, 7);
insert into app.remark (tenant_id, id, person_id, task_id, content) values
  ('{id}', 1, 1, 1, '{mark}good'), ('{id}', 2, 1, 1, '{mark}better'), ('{id}', 3, 2, 6, '{mark}bug');
insert into app.parcel (tenant_id, id, label, sender_id, receiver_id) values
  ('{id}', 1, '{mark}books', 1, 2), ('{id}', 2, '{mark}tapes', 2, 1), ('{id}', 3, '{mark}lost', 3, null);
insert into app.passport (tenant_id, id, person_id, number, traits) values
  ('{id}', 1, 1, '{mark}P1', '{"height": 170}'), ('{id}', 2, 2, '{mark}P2', '{"height": 180}'), ('{id}', 3, 3, '{mark}P3', '{"height": 160}');
insert into app.sample (tenant_id, id, data, info, numbers, words, grid, size) values
  ('{id}', 1, '{"a": {"b": "x", "n": 1}, "list": [1, 2, 3]}', '{"a": {"b": "x", "n": 1}, "list": [1, 2, 3]}', '{1}', '{red}', '{{1,2},{3,4}}', '(1.5,2)'),
  ('{id}', 2, '[10, 20, {"k": "v"}]', '[10, 20, {"k": "v"}]', '{1,2}', '{red,"dark blue"}', '{{5,6},{7,8}}', '(2.5,3)'),
  ('{id}', 3, '{"odd !@#$ key": true, "n": null}', '{"odd !@#$ key": true, "n": null}', '{1,2,3}', '{green}', null, null),
  ('{id}', 4, null, null, null, null, null, null);
insert into app.booking (tenant_id, id, room, during) values
  ('{id}', 1, '{mark}east', '[1,3]'), ('{id}', 2, '{mark}east', '[3,6]'), ('{id}', 3, '{mark}west', '[6,9]'),
  ('{id}', 4, '{mark}west', '[9,12]'), ('{id}', 5, '{mark}attic', null);
insert into app.document (tenant_id, id, title, body, words) values
  ('{id}', 1, '{mark}Cats', 'Fat cats ate the rats', to_tsvector('english', 'Fat cats ate the rats')),
  ('{id}', 2, '{mark}Fun', 'It is kind of fun to do the impossible', to_tsvector('english', 'It is kind of fun to do the impossible')),
  ('{id}', 3, '{mark}Spass', 'Es ist eine Art Spass, das Unmögliche zu machen', to_tsvector('german', 'Es ist eine Art Spass, das Unmögliche zu machen')),
  ('{id}', 4, '{mark}Nothing', null, null);
insert into app.thing (tenant_id, id, flag, level, ratio, price, day, moment, key, mood, image, label) values
  ('{id}', 1, true, 10, 0.5, 1234567890.123456789, '2024-02-29', '2024-02-29 12:00:00+00', '11111111-1111-4111-8111-111111111111', 'calm', '\x0102', '{mark}plain'),
  ('{id}', 2, false, -5, 'NaN', -0.10, '1999-12-31', '1999-12-31 23:59:59.5+00', '22222222-2222-4222-8222-222222222222', 'wild', '\xff', '{mark}with "quotes"'),
  ('{id}', 3, null, null, null, null, null, null, null, null, null, null),
  ('{id}', 4, true, 0, 'Infinity', 0, 'infinity', null, null, 'busy', '', '{mark}a,b (c) 100%');
insert into app."Straße Nr" (tenant_id, "Id", "with.dot", "with space", "with,comma", "with""quote", "dash-ed", "ключ") values
  ('{id}', 1, '{mark}dot', '{mark}space', '{mark}comma', '{mark}quote', '{mark}dash', '{mark}значение');
insert into app.contest (tenant_id, id, task, winner) values ('{id}', 1, 1, '{mark}Ada'), ('{id}', 2, 3, null);
