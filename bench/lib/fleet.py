"""bench/run fleet: tenants of all models on two cells. How long it takes to make one, to migrate them all (killed in the
middle), what reading costs in each model, and what memory many schemas take."""

import http.client
import json
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import time

from . import cluster as clusters
from . import contestants, data, measure, report

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SHOP = ROOT / "examples" / "recordshop"
MODELS = ("row", "schema", "silo")
NEXT_VERSION = """
alter table artist add column country text not null default '';
create index artist_by_country on artist (tenant_id, country);
create table review (
  tenant_id uuid not null default bulkhead.tenant_id(),
  review_id uuid not null default gen_random_uuid(),
  body text not null,
  primary key (tenant_id, review_id)
);
select bulkhead.tenant_table('review');
"""


class Fleet:
    def __init__(self, options, say):
        self.options, self.say = options, say
        self.bulkhead, self.create = options.programs / "bulkhead", options.programs / "bench_create"
        self.north = clusters.Cluster(options.work or "/var/tmp", 1024)
        self.south = None
        self.work = self.north.folder / "work"
        self.work.mkdir()

    def close(self):
        self.north.close()
        if self.south is not None:
            self.south.close()

    def run(self, *arguments, database, check=True):
        done = subprocess.run([str(part) for part in (self.bulkhead, *arguments, "--database", self.north.url(database))],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if check and done.returncode:
            raise RuntimeError(f"bulkhead {' '.join(map(str, arguments))} failed:\n{done.stdout}{done.stderr[-3000:]}")
        return done

    def database(self, name, app):
        self.north.sql("postgres", f"create database {name}")
        self.run("migrate", app, database=name)

    # --- create

    def create_ms(self):
        self.database("creating", SHOP)
        done = subprocess.run([self.create, self.north.url("creating"), str(self.options.creations)], stdout=subprocess.PIPE,
                              text=True, check=True)
        return json.loads(done.stdout)

    # --- migrate

    def fill(self, schemas, silos):
        """Half of everything in each cell."""
        self.south = clusters.Cluster(self.options.work or "/var/tmp", 1024)
        self.database("fleet", SHOP)
        self.run("cell", "add", "south", self.south.url("postgres"), database="fleet")
        began = time.monotonic()
        for cell in ("default", "south"):
            for model, count in (("schema", schemas // 2), ("silo", silos // 2)):
                self.run("plan", "set", f"{model}-{cell}", "--model", model, "--cell", cell, "--pool", count, database="fleet")
        self.fill_pool()
        return time.monotonic() - began

    def fill_pool(self):
        """Two at once, as two servers would: one a core."""
        command = [str(self.bulkhead), "pool", "fill", "--database", self.north.url("fleet")]
        for process in [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL) for _ in range(2)]:
            process.wait()
        self.run("pool", "fill", database="fleet")  # what one of them left to the other

    def grow(self, schemas):
        for cell in ("default", "south"):
            self.run("plan", "set", f"schema-{cell}", "--model", "schema", "--cell", cell, "--pool", schemas // 2, database="fleet")
        self.fill_pool()

    def next_app(self, number):
        """The sample product with one more migration; its text names the tables anew each time."""
        app = self.work / f"app-{number}"
        shutil.copytree(SHOP if number == 1 else self.work / f"app-{number - 1}", app)
        there = len(list((app / "migrations").glob("*.sql")))
        text = NEXT_VERSION.replace("country", f"country_{number}").replace("review", f"review_{number}")
        (app / "migrations" / f"{there + 1:04}_bench.sql").write_text(text)
        return app

    def status(self, app):
        return json.loads(self.run("migrate", app, "--status", "--json", database="fleet").stdout)

    def migrate(self, app, kills):
        """Seconds from the first start to the last end; killed -9 so often in the middle."""
        command = [str(part) for part in (self.bulkhead, "migrate", app, "--database", self.north.url("fleet"))]
        targets = len(self.status(app)["targets"])
        log = open(self.work / "migrate.log", "w")
        began = time.monotonic()
        done = 0
        for _ in range(kills):
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            time.sleep(random.uniform(1.0, 3.0))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                done += 1
            process.wait()
        last = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        seconds = time.monotonic() - began
        status = self.status(app)
        left = [target for target in status["targets"] if target["pending"] or target["error"] or target["drift"]]
        if last.returncode or left:
            raise RuntimeError(f"migrate ended with {last.returncode}, {len(left)} targets are not right: {left[:2]}\n"
                               + (self.work / "migrate.log").read_text()[-2000:])
        return {"targets": targets, "seconds": round(seconds, 2), "kills": done, "targets_per_s": round(targets / seconds, 1)}

    # --- read

    def load_tasks(self, tenants, rows):
        """The tasks of bench/app for `tenants` tenants of each model, in one database with its shards and silos."""
        self.database("reading", ROOT / "bench" / "app")
        for model in MODELS:
            for number in range(tenants):
                self.run("tenant", "create", f"{model}-{number:03d}", "--model", model, database="reading")
        places = self.north.sql("reading", "select t.slug, t.id, p.database_name, p.schema_name from catalog.tenant t "
                                           "join catalog.placement p on p.tenant_id = t.id order by 1")
        by_database = {}
        for slug, identity, database, schema in places:
            by_database.setdefault((database, schema), []).append((identity, int(slug.rpartition("-")[2])))
        for (database, schema), owners in by_database.items():
            values = ", ".join(f"('{identity}'::uuid, {number})" for identity, number in owners)
            self.north.sql(database, f"""
set session_replication_role = replica;
create temporary table bench_tenant (id uuid, n bigint);
insert into bench_tenant values {values};
insert into "{schema}".project (tenant_id, id, name) {data.PROJECTS};
insert into "{schema}".tasks (tenant_id, {data.COLUMNS}) {data.ROWS.format(rows=rows)};
""")
            self.north.sql(database, f'vacuum (analyze, freeze) "{schema}".tasks')

    def read(self, tenants, asked, rows, rounds, seconds):
        """`asked` of the tenants of each model are asked."""
        setting = contestants.Setting(self.north, self.work, tenants, rows, self.north.huge, 1)
        side = contestants.Bulkhead(setting, self.bulkhead, ROOT / "bench" / "app", "signed")
        side.database = "reading"
        tokens = {}
        side.start_with([f"{model}-{number:03d}" for model in MODELS for number in range(tenants)])
        lines = side.tokens.read_text().splitlines(keepends=True)
        for place, model in enumerate(MODELS):
            tokens[model] = self.work / f"{model}.tokens"
            tokens[model].write_text("".join(lines[place * tenants:place * tenants + asked]))
        figures = {model: [] for model in MODELS}
        try:
            for number in range(rounds + 1):
                for model in MODELS if number % 2 == 0 else MODELS[::-1]:
                    side.tokens = tokens[model]
                    measured = side.measure("point", seconds)
                    if measured["bad"]:
                        raise RuntimeError(f"{model}: {measured['bad']} answers were not 2xx")
                    if number > 0:  # the first round warms up
                        figures[model].append(measured)
        finally:
            side.stop()
        ratio = {model: statistics.median(a["rps"] / b["rps"] for a, b in zip(figures[model], figures["row"])) for model in MODELS}
        return {"rps": {model: round(statistics.median(f["rps"] for f in runs)) for model, runs in figures.items()},
                "cpu_us": {model: round(statistics.median(f["cpu_us"] for f in runs), 1) for model, runs in figures.items()},
                "vs_row": {model: round(value, 3) for model, value in ratio.items()}}

    # --- memory

    def memory(self, app, tenants):
        """Of a server and its backends after each of so many schema tenants was asked for something."""
        for cell in ("default", "south"):
            self.north.sql("fleet", f"select count(catalog.place_tenant('{cell}-' || n, 'Tenant', 'schema-{cell}', '', '', '')) "
                                    f"from generate_series(1, {tenants // 2}) n")
        setting = contestants.Setting(self.north, self.work, tenants, 1, self.north.huge, 1)
        side = contestants.Bulkhead(setting, self.bulkhead, app, "signed")
        side.database = "fleet"
        slugs = [f"{cell}-{n}" for n in range(1, tenants // 2 + 1) for cell in ("default", "south")]
        side.start_with(slugs)
        try:
            before = measure.memory_mb(side.pid)
            connection = http.client.HTTPConnection("127.0.0.1", side.port, timeout=20)
            for number in range(len(slugs)):
                status, body = side.ask(connection, "GET", "/rest/v1/artist?select=name,album(title)&limit=1", number)
                if status != 200:
                    raise RuntimeError(f"{slugs[number]}: {status} {body}")
            backends = [measure.memory_mb(int(pid[0])) for cluster in (self.north, self.south)
                        for pid in cluster.sql("postgres", "select pid from pg_stat_activity where usename like 'bulkhead%'")]
            return {"schemas": len(slugs), "server_mb_before": round(before, 1), "server_mb": round(measure.memory_mb(side.pid), 1),
                    "backends": len(backends), "largest_backend_mb": round(max(backends, default=0), 1),
                    "backends_mb": round(sum(backends), 1)}
        finally:
            side.stop()


def benchmark(options, say):
    fleet = Fleet(options, say)
    document = {}
    try:
        say("creating tenants of each model, with and without a pool")
        document["create_ms"] = fleet.create_ms()
        say(f"  {document['create_ms']}")
        say(f"making {options.schemas} schemas and {options.silos} silos on two cells")
        took = fleet.fill(options.schemas, options.silos)
        say(f"  {took:.0f} s, {(options.schemas + options.silos) / took:.1f}/s; migrating them")
        app = fleet.next_app(1)
        migrated = fleet.migrate(app, options.kills)
        document["migrate"] = {"schemas": options.schemas, "silos": options.silos, **migrated}
        say(f"  {migrated}")
        document["growth"] = [{"schemas": options.schemas, **migrated}]
        for number, schemas in enumerate(options.growth, 2):
            say(f"growing to {schemas} schemas")
            fleet.grow(schemas)
            app = fleet.next_app(number)
            document["growth"].append({"schemas": schemas, **fleet.migrate(app, 0)})
            say(f"  {document['growth'][-1]}")
        say("memory after each schema was asked")
        document["memory"] = fleet.memory(app, max([options.schemas, *options.growth]))
        say(f"  {document['memory']}")
        say("point reads in each model")
        fleet.load_tasks(options.readers, 1000)
        # The more silos are asked at once, the fewer requests each one's pipeline holds.
        document["point_by_tenants"] = {}
        for asked in sorted({1, min(4, options.readers), options.readers}):
            document["point"] = fleet.read(options.readers, asked, 1000, options.rounds, options.seconds)
            document["point_by_tenants"][asked] = document["point"]
            say(f"  {asked}: {document['point']}")
    finally:
        fleet.close()
    goals = [(f"create_pool_{model}_ms", document["create_ms"]["pool"][model], "<=", 5) for model in MODELS]
    goals += [(f"create_cold_{model}_ms", document["create_ms"]["cold"][model], "<=", most)
              for model, most in (("row", 5), ("schema", 150), ("silo", 500))]
    goals += [("migrate_s", document["migrate"]["seconds"], "<=", 120)]
    goals += [(f"point_{model}_vs_row_{asked}", point["vs_row"][model], ">=", 0.9)
              for asked, point in document["point_by_tenants"].items() for model in ("schema", "silo")]
    return report.conclude(document, goals, options, say)
