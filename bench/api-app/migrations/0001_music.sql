create table artist (
  tenant_id uuid not null default bulkhead.tenant_id(),
  artist_id bigint not null,
  name text not null,
  primary key (tenant_id, artist_id)
);
select bulkhead.tenant_table('artist');

create table album (
  tenant_id uuid not null default bulkhead.tenant_id(),
  album_id bigint not null,
  title text not null,
  artist_id bigint not null,
  primary key (tenant_id, album_id),
  foreign key (tenant_id, artist_id) references artist (tenant_id, artist_id)
);
create index album_by_artist on album (tenant_id, artist_id);
select bulkhead.tenant_table('album');

create table genre (
  tenant_id uuid not null default bulkhead.tenant_id(),
  genre_id bigint not null,
  name text not null,
  primary key (tenant_id, genre_id)
);
select bulkhead.tenant_table('genre');

create table track (
  tenant_id uuid not null default bulkhead.tenant_id(),
  track_id bigint not null,
  name text not null,
  album_id bigint not null,
  genre_id bigint not null,
  milliseconds integer not null,
  primary key (tenant_id, track_id),
  foreign key (tenant_id, album_id) references album (tenant_id, album_id),
  foreign key (tenant_id, genre_id) references genre (tenant_id, genre_id)
);
create index track_by_album on track (tenant_id, album_id);
select bulkhead.tenant_table('track');

create table employee (
  tenant_id uuid not null default bulkhead.tenant_id(),
  employee_id bigint generated always as identity,
  first_name text not null,
  last_name text not null,
  title text,
  city text,
  primary key (tenant_id, employee_id)
);
select bulkhead.tenant_table('employee');
