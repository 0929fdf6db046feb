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
from . import contestants, report

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
RELATIONS = """do $$ begin for i in {first}..{last} loop
  execute format('create table app.big_%s (tenant_id uuid not null, id integer not null, a text, b text, c jsonb, artist_id bigint,
    primary key (tenant_id, id), foreign key (tenant_id, artist_id) references app.artist (tenant_id, artist_id));
    create view app.view_%s with (security_invoker) as select tenant_id, id, a, artist_id from app.big_%s;
    grant select on app.big_%s, app.view_%s to app_viewer', i, i, i, i, i);
end loop; end $$;"""


class Bulkhead(contestants.Bulkhead):
    """The server, under the load of bench/music.lua."""

    script = "music.lua"

    def __init__(self, setting, program, albums):
        super().__init__(setting, program, ROOT / "bench" / "api-app", "api")
        self.name, self.albums = "bulkhead", albums

    def script_arguments(self):
        return [self.albums]

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

    def record(self):
        """`statements`: the SQL that the server sends for each read, as PostgreSQL logs it."""
        cluster = self.setting.cluster
        cluster.sql("bench_api", "alter system set log_statement = 'all'")
        cluster.sql("bench_api", "select pg_reload_conf()")
        self.statements = {}
        for op in READS:
            # A connection learns of the setting when it is next asked something.
            for _ in range(20):
                begin = cluster.log.stat().st_size
                self.measure(op, 1)
                said = re.findall(r"execute [^:]*: (select t\..*)", cluster.log.read_text()[begin:])
                if said:
                    break
            else:
                raise RuntimeError(f"PostgreSQL's log has no statement of {op}: {cluster.log}")
            self.statements[op] = said[-1]
        cluster.sql("bench_api", "alter system reset log_statement")
        cluster.sql("bench_api", "select pg_reload_conf()")


class Pgbench(contestants.Pgbench):
    """The server's own statements, word for word, prepared, from 8 clients who are bound to one tenant for as long as they live."""

    name = "pgbench, same SQL"
    database = "bench_api"

    def __init__(self, setting, server):
        super().__init__(setting)
        self.server = server
        (tenant, context), = setting.cluster.sql(
            "bench_api", "select id, bulkhead.sign_context(id, 'app_member', 86400) from catalog.tenant where slug = 'tenant-00001'")
        self.more = ["-D", f"t={tenant}"]
        self.environment = {"PGOPTIONS": f"-c bulkhead.context={context} -c role=app_member"}

    def start(self):
        for op, last in (("get_single", ARTISTS), ("get_single_embed", self.server.albums), ("embed_20x10", self.server.albums - 20),
                         ("get_all_embed", 1)):
            # Parameters in text form are what the server sends, too.
            statement = self.server.statements[op].replace("$1", ":t").replace("$2", ":n")
            (self.setting.work / f"{op}.sql").write_text(f"\\set n random(1, {last})\n{statement};\n")
        self._measure_connecting("get_single")


def relations(cluster, options, say):
    """Seconds to read a schema of that many tables and views; the median of some times."""
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
    cluster.sql("bench_api", "vacuum (analyze, freeze)")
    cluster.sql("postgres", "checkpoint")
    work = cluster.folder / "work"
    work.mkdir()
    setting = contestants.Setting(cluster, work, options.tenants, options.albums, cluster.huge, 1)
    server = Bulkhead(setting, bulkhead, options.albums)
    return [server, Pgbench(setting, server)]


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
            if side is sides[0]:
                side.verify()
                side.record()
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
