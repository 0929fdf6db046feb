"""bench/run api: the data API with PostgREST's own benchmark shapes, embedding beside the same SQL in pgbench, and the loading of
ten thousand relations."""

import http.client
import json
import pathlib
import re
import statistics
import subprocess
import time

from . import cluster as clusters
from . import contestants, data, measure, report

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
READS = ("get_single", "get_single_embed", "embed_20x10", "get_all_embed")
WRITES = ("post_single", "post_bulk", "patch_single")
TRACKS, ARTISTS = 10, 100

MUSIC = """
set session_replication_role = replica;
set search_path = app, public;
select count(catalog.create_tenant('tenant-' || lpad(n::text, 5, '0'), 'Tenant ' || n)) from generate_series(0, {tenants} - 1) n;
create temporary table bench_tenant as select id from catalog.tenant where slug like 'tenant-%';
insert into artist select id, n, 'Artist ' || n from generate_series(1, {artists}) n, bench_tenant;
insert into genre select id, n, 'Genre ' || n from generate_series(1, 25) n, bench_tenant;
insert into album select id, n, 'Album ' || n, n % {artists} + 1 from generate_series(1, {albums}) n, bench_tenant;
insert into track select id, n, 'Track ' || n, (n - 1) / {tracks} + 1, n % 25 + 1, 180000 + n
  from generate_series(1, {albums} * {tracks}) n, bench_tenant;
"""
# The same rows without tenants, as many as one tenant has times the tenants.
FLAT = """
create schema flat;
create table flat.artist (artist_id bigint primary key, name text not null);
create table flat.genre (genre_id bigint primary key, name text not null);
create table flat.album (album_id bigint primary key, title text not null, artist_id bigint not null references flat.artist);
create table flat.track (track_id bigint primary key, name text not null, album_id bigint not null references flat.album,
  genre_id bigint not null references flat.genre, milliseconds integer not null);
insert into flat.artist select n, 'Artist ' || n from generate_series(1, {artists}) n;
insert into flat.genre select n, 'Genre ' || n from generate_series(1, 25) n;
insert into flat.album select n, 'Album ' || n, n % {artists} + 1 from generate_series(1, {albums} * {tenants}) n;
insert into flat.track select n, 'Track ' || n, (n - 1) / {tracks} + 1, n % 25 + 1, 180000 + n
  from generate_series(1, {albums} * {tracks} * {tenants}) n;
create index on flat.album (artist_id);
create index on flat.track (album_id);
"""
# What the server renders, without the tenant: the embed as a lateral join whose rows are made JSON.
GENRE = """left join lateral (select json_build_object('genre_id', g.genre_id, 'name', g.name) as j
  from flat.genre g where g.genre_id = k.genre_id) e2 on true"""
EMBED = """left join lateral (select json_agg(s.j) as j from (select json_build_object('track_id', k.track_id, 'name', k.name,
  'album_id', k.album_id, 'genre_id', k.genre_id, 'milliseconds', k.milliseconds, 'genre', e2.j) as j
  from flat.track k """ + GENRE + """ where k.album_id = t.album_id limit 1000) s) e1 on true"""
SAME_SQL = {
    "get_single": "select artist_id, name from flat.artist where artist_id = :n limit 1000;",
    "get_single_embed": "select t.album_id, t.title, t.artist_id, coalesce(e1.j, '[]') from flat.album t " + EMBED +
                        " where t.album_id = :n limit 1000;",
    "embed_20x10": "select t.album_id, t.title, coalesce(e1.j, '[]') from flat.album t left join lateral (select json_agg(s.j) as j "
                   "from (select json_build_object('track_id', k.track_id, 'name', k.name, 'milliseconds', k.milliseconds) as j "
                   "from flat.track k where k.album_id = t.album_id limit 1000) s) e1 on true where t.album_id > :n "
                   "order by t.album_id limit 20;",
    "get_all_embed": "select t.album_id, t.title, t.artist_id, coalesce(e1.j, '[]') from flat.album t " + EMBED +
                     " where t.album_id > :n limit {albums};",
}
RELATIONS = """do $$ begin for i in {first}..{last} loop
  execute format('create table app.big_%s (tenant_id uuid not null, id integer not null, a text, b text, c jsonb, artist_id bigint,
    primary key (tenant_id, id), foreign key (tenant_id, artist_id) references app.artist (tenant_id, artist_id));
    create view app.view_%s with (security_invoker) as select tenant_id, id, a, artist_id from app.big_%s;
    grant select on app.big_%s, app.view_%s to app_viewer', i, i, i, i, i);
end loop; end $$;"""


class Bulkhead(contestants.Bulkhead):
    """The server, under the load of bench/music.lua."""

    def __init__(self, setting, program, albums):
        super().__init__(setting, program, ROOT / "bench" / "api-app", "api")
        self.name, self.albums = "bulkhead", albums

    def measure(self, op, seconds):
        command = ["wrk", "-t1", "-c32", f"-d{max(1, round(seconds))}s", "--latency", "-s", ROOT / "bench" / "music.lua",
                   f"http://127.0.0.1:{self.port}", "--", op, self.albums, self.tokens, f"127.0.0.1:{self.port}"]
        window = measure.Window(server=self.pid, pg=self.setting.cluster.pid)
        done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        used = window.end()
        line = re.search(r"^RESULT (.*)$", done.stdout, re.M)
        if done.returncode or not line:
            raise RuntimeError(f"{self.name}: wrk failed:\n{done.stdout}")
        said = json.loads(line[1])
        figures = contestants.result(said["requests"], said["seconds"], said["p50_ms"], said["p99_ms"], said["bad"], used)
        return {**figures, "pss_mb": measure.memory_mb(self.pid)}

    def verify(self):
        """The answers hold what was asked for, and as much of it: a fast wrong server must not win."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

        def expect(what, holds, answer):
            if not holds:
                raise RuntimeError(f"{self.name}: wrong answer to {what}: {str(answer)[:500]}\n" + self.log.read_text()[-2000:])

        answer = self.ask(connection, "GET", "/rest/v1/artist?select=*&artist_id=eq.7", 1)
        expect("get_single", answer == (200, [{"artist_id": 7, "name": "Artist 7"}]), answer)
        answer = self.ask(connection, "GET", "/rest/v1/album?select=*,track(*,genre(*))&album_id=eq.3", 1)
        expect("get_single_embed", answer[0] == 200 and len(answer[1]) == 1 and len(answer[1][0]["track"]) == TRACKS
               and answer[1][0]["track"][0]["genre"]["genre_id"] == 22, answer)
        answer = self.ask(connection, "GET", "/rest/v1/album?select=album_id,title,track(track_id,name,milliseconds)"
                          "&album_id=gt.4&order=album_id&limit=20", 1)
        expect("embed_20x10", answer[0] == 200 and [row["album_id"] for row in answer[1]] == list(range(5, 25))
               and all(len(row["track"]) == TRACKS for row in answer[1]), answer)
        answer = self.ask(connection, "GET", "/rest/v1/album?select=*,track(*,genre(*))", 1)
        expect("get_all_embed", answer[0] == 200 and len(answer[1]) == self.albums, answer)
        connection.close()


class Pgbench(contestants.Pgbench):
    """The same SQL on tables without tenants, prepared, from 8 clients."""

    name = "pgbench, same SQL"

    def __init__(self, setting, albums):
        super().__init__(setting)
        self.albums = albums

    def start(self):
        most = self.albums * self.setting.tenants
        for op, statement in SAME_SQL.items():
            last = {"get_single": ARTISTS, "get_all_embed": most - self.albums}.get(op, most - 20)
            (self.setting.work / f"{op}.sql").write_text(
                f"\\set n random(1, {last})\n{statement.format(albums=self.albums)}\n")
        costs = []
        for _ in range(3):
            window = measure.Window(pg=self.setting.cluster.pid)
            self._run("get_single", ["-t", "1"])
            costs.append(window.end()["pg"])
        self.connecting = sorted(costs)[1]


def relations(cluster, options, say):
    """Seconds to read a schema of that many tables and views; the median of some times, in turn with an empty query."""
    say(f"making {options.relations:,} relations")
    half = options.relations // 2
    for first in range(1, half + 1, 200):
        cluster.sql("bench_api", RELATIONS.format(first=first, last=min(first + 199, half)))
    cluster.sql("bench_api", "analyze")
    done = subprocess.run([options.programs / "bench_relations", "--conninfo", cluster.conninfo("bench_api"), "--times",
                           str(options.rounds)], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError("bench_relations failed; what it said is above")
    return json.loads(done.stdout)


def set_up(cluster, options, say):
    say(f"loading {options.tenants:,} tenants × {options.albums:,} albums × {TRACKS} tracks")
    cluster.sql("postgres", "create database bench_api")
    bulkhead = options.programs / "bulkhead"
    done = subprocess.run([bulkhead, "migrate", ROOT / "bench" / "api-app", "--database", cluster.url("bench_api")],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f"bulkhead migrate failed:\n{done.stdout}")
    sizes = {"tenants": options.tenants, "albums": options.albums, "artists": ARTISTS, "tracks": TRACKS}
    cluster.sql("bench_api", MUSIC.format(**sizes))
    cluster.sql("postgres", "create database bench_peer")
    cluster.sql("bench_peer", FLAT.format(**sizes))
    for database in ("bench_api", "bench_peer"):
        cluster.sql(database, "vacuum (analyze, freeze)")
    cluster.sql("postgres", "checkpoint")
    work = cluster.folder / "work"
    work.mkdir()
    setting = contestants.Setting(cluster, work, options.tenants, options.albums, cluster.huge, 1)
    return [Bulkhead(setting, bulkhead, options.albums), Pgbench(setting, options.albums)]


def rounds(sides, options, say):
    runs = []
    for number in range(options.rounds):
        runs.append({side.name: {} for side in sides})
        for op in READS + WRITES:
            for side in sides if number % 2 == 0 else sides[::-1]:
                if op in WRITES and isinstance(side, Pgbench):
                    continue
                figures = side.measure(op, options.seconds)
                runs[-1][side.name][op] = figures
                say(f"round {number + 1}/{options.rounds} {op:<17}{side.name:<18}{figures['rps']:>9,.0f} rps {figures['cpu_us']:>8.1f} µs, "
                    f"others {figures['other']:.2f} cores")
                if figures["bad"]:
                    raise RuntimeError(f"{side.name}, {op}: {figures['bad']} answers were not 2xx")
    return runs


def tell(runs):
    """The medians, printed, and the ratios of requests a second within the rounds."""
    middle, ratios = {}, {}
    print(f"{'shape':<18}{'':<18}{'rps':>9}{'p50 ms':>9}{'p99 ms':>9}{'server µs':>11}{'PG µs':>9}")
    for op in READS + WRITES:
        for side in runs[0]:
            found = [round_[side][op] for round_ in runs if op in round_[side]]
            if not found:
                continue
            f = {figure: statistics.median(run[figure] for run in found)
                 for figure in ("rps", "p50_ms", "p99_ms", "server_us", "pg_us", "cpu_us")}
            middle.setdefault(side, {})[op] = f
            print(f"{op:<18}{side:<18}{f['rps']:>9,.0f}{f['p50_ms']:>9.2f}{f['p99_ms']:>9.2f}{f['server_us']:>11.1f}{f['pg_us']:>9.1f}")
        if op in READS:
            ratios[op] = statistics.median(round_["bulkhead"][op]["rps"] / round_[Pgbench.name][op]["rps"] for round_ in runs)
            print(f"{op:<18}{'rps, ratio':<18}{ratios[op]:>9.2f}")
    print()
    return middle, ratios


def benchmark(options, say):
    began = time.monotonic()
    say("making a PostgreSQL cluster")
    cluster, started = clusters.Cluster(options.work or "/var/tmp", 512), []
    try:
        sides = set_up(cluster, options, say)
        for side in sides:
            started.append(side)
            side.start()
        sides[0].verify()
        for side in sides:
            for op in READS + WRITES:
                if op in READS or side is sides[0]:
                    side.measure(op, 1)
        runs = rounds(sides, options, say)
        for side in started:
            side.stop()
        started = []
        loaded = relations(cluster, options, say)
    finally:
        for side in reversed(started):
            side.stop()
        cluster.close()
    middle, ratios = tell(runs)
    print(f"{loaded['relations']:,} relations, {loaded['foreign_keys']:,} foreign keys: {loaded['seconds']:.2f} s to load, "
          f"{loaded['cpu_seconds']:.2f} s of them this side's CPU\n")
    document = {"medians": middle, "ratios": ratios, "relations": loaded, "rounds": runs, "took_s": time.monotonic() - began,
                "setting": {"tenants": options.tenants, "albums": options.albums, "seconds": options.seconds}}
    wanted = [("embed_20x10_rps_vs_pgbench", ratios["embed_20x10"], ">=", 0.7), ("relations_load_s", loaded["seconds"], "<=", 2)]
    return report.conclude(document, wanted, options, say)
