"""bench/run restore: one tenant out of shared tables as it was at a second, beside pg_restore of the whole database."""

import json
import pathlib
import subprocess
import time

from . import cluster as clusters
from . import data, report

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def load(options, cluster):
    cluster.sql("postgres", "create database bench_restore")
    subprocess.run([options.programs / "bulkhead", "migrate", ROOT / "bench" / "app", "--database", cluster.url("bench_restore")],
                   stdout=subprocess.DEVNULL, check=True)
    data.load_bulkhead(cluster, "bench_restore", options.tenants, options.others)
    # The one tenant that is large, its rows among the others' as they came.
    cluster.sql("bench_restore", f"""
set session_replication_role = replica;
insert into app.tasks(tenant_id, project_id, title, status, priority, created_at)
select t.id, p.id, 'Task ' || r || ' of the shop', case when r % 2 = 0 then 'open' else 'done' end, r % 5, timestamptz '2026-01-01' + r * interval '1 second'
  from generate_series(1, {options.rows} - {options.others}) r, catalog.tenant t
  join lateral (select id from app.project p where p.tenant_id = t.id limit 1) p on true where t.slug = 'tenant-00000'""")
    cluster.sql("bench_restore", "vacuum (analyze)")


def pg_restore(cluster):
    """Seconds to dump the whole database, and to restore it."""
    archive = cluster.folder / "work" / "whole.dump"
    began = time.monotonic()
    subprocess.run([clusters.BIN / "pg_dump", "-Fc", "-f", archive, cluster.url("bench_restore")], check=True)
    dumped = time.monotonic()
    cluster.sql("postgres", "create database whole template template0")
    # Publications and rights of roles are there already; what is measured is the rows.
    done = subprocess.run([clusters.BIN / "pg_restore", "-d", cluster.url("whole"), archive], stderr=subprocess.PIPE, text=True)
    ended = time.monotonic()
    if cluster.sql("whole", "select count(*) from app.tasks") != cluster.sql("bench_restore", "select count(*) from app.tasks"):
        raise RuntimeError(f"pg_restore has not restored all rows:\n{done.stderr[-2000:]}")
    return dumped - began, ended - dumped


def benchmark(options, say):
    cluster = clusters.Cluster(options.work or "/var/tmp", 1024)
    try:
        store = cluster.folder / "work" / "store"
        store.mkdir(parents=True)
        say(f"loading {options.tenants:,} tenants × {options.others:,} rows, and one of {options.rows:,}")
        load(options, cluster)
        say("backing up, writing, restoring")
        done = subprocess.run([options.programs / "bench_restore", cluster.url("bench_restore"), f"file://{store}", "tenant-00000",
                               str(options.seconds)], stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise RuntimeError("bench_restore failed; what it said is above")
        document = json.loads(done.stdout)
        say("pg_dump and pg_restore of the whole database")
        document["pg_dump_s"], document["pg_restore_s"] = pg_restore(cluster)
        document["times_faster"] = document["pg_restore_s"] / document["restore_s"]
    finally:
        cluster.close()
    for name, value in document.items():
        print(f"{name:<24}{value:>14,.2f}")
    print()
    goals = [("differing_rows", document["differing_rows"], "<=", 0), ("others_changed", document["others_changed"], "<=", 0)]
    return report.conclude(document, goals, options, say)
