#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sql/relations.hpp"

namespace bulkhead::sql::test {

inline Column column(std::string name, std::string type, JsonKind json = JsonKind::string) {
  Column made;
  made.name = std::move(name);
  made.type = made.sql_type = std::move(type);
  made.json = json;
  return made;
}

inline Relation table(std::string name, std::vector<Column> columns, std::vector<std::string> key,
                      bool tenant = true) {
  Relation made;
  made.name = std::move(name);
  made.tenant = tenant;
  made.columns = std::move(columns);
  made.unique_keys.push_back(key);
  made.primary_key = std::move(key);
  return made;
}

inline ForeignKey link(std::string name, std::string from, std::string from_column, std::string to) {
  return {std::move(name), std::move(from), std::move(to), {std::move(from_column)}, {"id"}, false};
}

/// The record shop has functions of a row: `track.loud` is read like a column, `album.maker` is an artist, `artist.works` are
/// albums.
inline void add_functions(std::vector<Relation>& tables) {
  for (Relation& relation : tables) {
    if (relation.name == "track") {
      Column loud = column("loud", "text");
      loud.computed = true;
      relation.computed.push_back(std::move(loud));
    }
    if (relation.name == "album") relation.relationships.push_back({"maker", "artist", true});
    if (relation.name == "artist") relation.relationships.push_back({"works", "album", false});
  }
}

/// A record shop in small: artists with albums, albums with two links to people, tracks of a shared genre,
/// playlists over a junction, people who report to people.
inline RelationsRef record_shop() {
  const auto id = [] { return column("id", "integer", JsonKind::number); };
  const auto ref = [](std::string name) { return column(std::move(name), "integer", JsonKind::number); };
  std::vector<Relation> tables;
  tables.push_back(
      table("album", {id(), column("title", "text"), ref("artist_id"), ref("editor_id"), ref("producer_id")},
            {"id"}));
  tables.push_back(table("artist", {id(), column("name", "text")}, {"id"}));
  tables.push_back(table("genre", {id(), column("name", "text")}, {"id"}, false));
  tables.push_back(table("person", {id(), column("name", "text"), ref("reports_to")}, {"id"}));
  tables.push_back(table("playlist", {id(), column("name", "text")}, {"id"}));
  tables.push_back(
      table("playlist_track", {ref("playlist_id"), ref("track_id")}, {"playlist_id", "track_id"}));
  Column tags = column("tags", "text[]", JsonKind::raw);
  tags.convert = true;
  Column meta = column("meta", "jsonb", JsonKind::raw);
  meta.is_json = true;
  tables.push_back(
      table("track",
            {id(), column("name", "text"), ref("album_id"), ref("genre_id"), std::move(tags), std::move(meta),
             column("added", "timestamp with time zone", JsonKind::timestamptz)},
            {"id"}));
  std::vector<ForeignKey> keys{
      link("album_artist_fkey", "album", "artist_id", "artist"),
      link("album_editor_fkey", "album", "editor_id", "person"),
      link("album_producer_fkey", "album", "producer_id", "person"),
      link("person_reports_to_fkey", "person", "reports_to", "person"),
      link("track_album_fkey", "track", "album_id", "album"),
      link("track_genre_fkey", "track", "genre_id", "genre"),
      link("playlist_track_playlist_fkey", "playlist_track", "playlist_id", "playlist"),
      link("playlist_track_track_fkey", "playlist_track", "track_id", "track"),
  };
  add_functions(tables);
  return std::make_shared<Relations>(std::move(tables), std::move(keys));
}

}  // namespace bulkhead::sql::test
