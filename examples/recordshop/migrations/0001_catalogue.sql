-- What the shop sells. Genres and media types are the same for every shop; all else belongs to one.
--
-- Ids count from 1 within each shop (bulkhead.tenant_numbered): a sequence shared by all would tell each shop how much
-- the others sell. Names of columns are those of the Chinook data set, so that its CSV files can be imported as they are.

create table genre (
  genre_id integer primary key,
  name text not null unique
);
select bulkhead.shared_table('genre');
comment on table genre is 'Kinds of music, the same for every shop';

create table media_type (
  media_type_id integer primary key,
  name text not null unique
);
select bulkhead.shared_table('media_type');
comment on table media_type is 'How a track is delivered, the same for every shop';

create table artist (
  tenant_id uuid not null default bulkhead.tenant_id(),
  artist_id integer not null,
  name text not null,
  primary key (tenant_id, artist_id)
);
create index artist_name on artist (tenant_id, name);
select bulkhead.tenant_table('artist');
select bulkhead.tenant_numbered('artist', 'artist_id');

create table album (
  tenant_id uuid not null default bulkhead.tenant_id(),
  album_id integer not null,
  title text not null,
  artist_id integer not null,
  primary key (tenant_id, album_id),
  foreign key (tenant_id, artist_id) references artist (tenant_id, artist_id)
);
create index album_artist on album (tenant_id, artist_id);
create index album_title on album (tenant_id, title);
select bulkhead.tenant_table('album');
select bulkhead.tenant_numbered('album', 'album_id');

-- unit_price is numeric, which is not leakproof: under row-level security an index on it would not be used. It is only
-- read and summed, never searched by, and numeric is what people and clients expect of 0.99.
create table track (
  tenant_id uuid not null default bulkhead.tenant_id(),
  track_id integer not null,
  name text not null,
  album_id integer,
  media_type_id integer not null references media_type (media_type_id),
  genre_id integer references genre (genre_id),
  composer text,
  milliseconds integer not null check (milliseconds >= 0),
  bytes integer check (bytes >= 0),
  unit_price numeric(10, 2) not null check (unit_price >= 0),
  primary key (tenant_id, track_id),
  foreign key (tenant_id, album_id) references album (tenant_id, album_id)
);
create index track_album on track (tenant_id, album_id);
create index track_genre on track (tenant_id, genre_id);
create index track_media_type on track (tenant_id, media_type_id);
create index track_name on track (tenant_id, name);
select bulkhead.tenant_table('track');
select bulkhead.tenant_numbered('track', 'track_id');

create table playlist (
  tenant_id uuid not null default bulkhead.tenant_id(),
  playlist_id integer not null,
  name text not null,
  primary key (tenant_id, playlist_id)
);
select bulkhead.tenant_table('playlist');
select bulkhead.tenant_numbered('playlist', 'playlist_id');

create table playlist_track (
  tenant_id uuid not null default bulkhead.tenant_id(),
  playlist_id integer not null,
  track_id integer not null,
  primary key (tenant_id, playlist_id, track_id),
  foreign key (tenant_id, playlist_id) references playlist (tenant_id, playlist_id) on delete cascade,
  foreign key (tenant_id, track_id) references track (tenant_id, track_id) on delete cascade
);
create index playlist_track_track on playlist_track (tenant_id, track_id);
select bulkhead.tenant_table('playlist_track');
