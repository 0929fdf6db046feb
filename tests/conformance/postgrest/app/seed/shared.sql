insert into app.country (code, name) values ('DE', 'Germany'), ('FR', 'France'), ('IT', 'Italy');
