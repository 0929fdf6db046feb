"""bench/run move: what a move costs the tenant that moves and those that do not.

One tenant goes from model to model while it is written to; a neighbour is written to as well. The pause is the longest time between
two acknowledged writes of the moving tenant, as its clients see it."""

import bisect
import json
import pathlib
import statistics
import struct
import subprocess
import sys
import time

from . import cluster as clusters
from . import contestants, data, report

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODELS = ("schema", "silo", "row")
MOVING, NEIGHBOUR = 0, 1
DATABASE = "bench_move"


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0


class Load:
    """bench/lib/paced.py. `rate` 0: each client sends as soon as it is answered."""

    def __init__(self, side, tenant, rows, rate, clients, inserts=0.5):
        settings = {"port": side.port, "token": side.token(tenant), "rate": rate, "clients": clients, "rows": rows, "first": tenant * rows,
                    "project": tenant * 10, "inserts": inserts}
        self.process = subprocess.Popen([sys.executable, pathlib.Path(__file__).with_name("paced.py"), json.dumps(settings)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            raise RuntimeError("the load did not start; its words are above")

    def end(self):
        said, _ = self.process.communicate()
        count, bad = struct.unpack_from("<qq", said)
        values = struct.unpack_from(f"<{2 * count}d", said, 16)
        return Record(values[::2], values[1::2], bad)


class Record:
    """When writes were sent and acknowledged, in the order of their answers."""

    def __init__(self, sent, acked, bad):
        self.sent, self.acked, self.bad = sent, acked, bad

    def window(self, begin, end):
        low, high = bisect.bisect_left(self.acked, begin), bisect.bisect_right(self.acked, end)
        return self.sent[low:high], self.acked[low:high]

    def longest_gap_ms(self, begin, end):
        _, acked = self.window(begin, end)
        times = [begin, *acked, end]
        return 1000 * max(after - before for before, after in zip(times, times[1:]))

    def latencies_ms(self, begin, end):
        return [1000 * (acked - sent) for sent, acked in zip(*self.window(begin, end))]

    def rate(self, begin, end):
        return len(self.window(begin, end)[1]) / (end - begin)


class Bench:
    def __init__(self, options, say):
        self.options, self.say = options, say
        self.bulkhead = options.programs / "bulkhead"
        self.cluster = clusters.Cluster(options.work or "/var/tmp", 1024)
        self.side = None
        self.next_model = 0

    def close(self):
        if self.side is not None:
            self.side.stop()
        self.cluster.close()

    def run(self, *arguments):
        done = subprocess.run([str(word) for word in (self.bulkhead, *arguments, "--database", self.cluster.url(DATABASE))],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise RuntimeError(f"bulkhead {' '.join(map(str, arguments))} failed:\n{done.stdout}{done.stderr[-3000:]}")
        return done.stdout

    def set_up(self):
        rows = self.options.rows
        self.say(f"loading two tenants of {rows:,} rows")
        self.cluster.sql("postgres", f"create database {DATABASE}")
        self.run("migrate", ROOT / "bench" / "app")
        data.load_bulkhead(self.cluster, DATABASE, 2, rows)
        work = self.cluster.folder / "work"
        work.mkdir()
        setting = contestants.Setting(self.cluster, work, 2, rows, self.cluster.huge, 1)
        self.side = contestants.Bulkhead(setting, self.bulkhead, ROOT / "bench" / "app", "signed")
        self.side.database = DATABASE
        self.side.start()
        (size,), = self.cluster.sql(DATABASE, f"select sum(pg_column_size(t)) from app.tasks t join catalog.tenant n on n.id = t.tenant_id "
                                              f"where n.slug = '{data.slug(MOVING)}'")
        self.bytes = int(size)

    def move(self, *more):
        """Once, to the next model: when it and its phases began, when it ended, and what it says of itself."""
        model = MODELS[self.next_model % len(MODELS)]
        self.next_model += 1
        command = [str(word) for word in (self.bulkhead, "move", data.slug(MOVING), "--to", model, "--keep", "0s", "--json", *more,
                                          "--database", self.cluster.url(DATABASE))]
        began = time.monotonic()
        mover = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        phases, words = {}, []
        for line in mover.stderr:
            words.append(line)
            if line.startswith("move  "):
                phases.setdefault(line.split()[1], time.monotonic())
        said = mover.stdout.read()
        if mover.wait():
            raise RuntimeError(f"{' '.join(command)} failed:\n{''.join(words)[-3000:]}")
        return {"to": model, "began": began, "ended": time.monotonic(), "phases": phases, "result": json.loads(said.strip().splitlines()[-1])}

    # --- the pause, as the moving tenant's clients see it

    def pauses(self):
        load = Load(self.side, MOVING, self.options.rows, self.options.rate, 16)
        begin = time.monotonic() + 1
        time.sleep(1 + self.options.seconds)
        quiet = (begin, time.monotonic())
        moves = []
        for number in range(self.options.moves):
            moves.append(self.move())
            result = moves[-1]["result"]
            parts = ", ".join(f"{step} {took:.1f}" for step, took in result.get("pause", {}).items())
            self.say(f"move {number + 1}/{self.options.moves} to {moves[-1]['to']}: {moves[-1]['ended'] - moves[-1]['began']:.1f} s, "
                     f"it says {result.get('pause_ms', 0):.1f} ms of pause ({parts}), {result.get('rows_done', 0):,} rows in "
                     f"{result.get('copy_s', 0):.2f} s")
            time.sleep(0.5)
        record = load.end()
        if record.bad:
            self.say(f"{record.bad} writes were not acknowledged")
        gaps = [record.longest_gap_ms(move["began"], move["ended"]) for move in moves]
        fences = [record.longest_gap_ms(move["phases"].get("fence", move["ended"]) - 0.02, move["ended"]) for move in moves]
        latest = [max(record.latencies_ms(move["began"], move["ended"]), default=0.0) for move in moves]
        return {"pause_p50_ms": percentile(gaps, 0.5), "pause_p99_ms": percentile(gaps, 0.99), "pauses_ms": gaps,
                "fence_gap_p50_ms": percentile(fences, 0.5), "fence_gap_p99_ms": percentile(fences, 0.99),
                "slowest_write_p50_ms": percentile(latest, 0.5), "slowest_write_max_ms": max(latest),
                "said_pause_p50_ms": percentile([move["result"].get("pause_ms", 0) for move in moves], 0.5),
                "quiet_gap_ms": record.longest_gap_ms(*quiet), "writes_per_s": record.rate(*quiet), "not_acknowledged": record.bad,
                "move_s": statistics.median(move["ended"] - move["began"] for move in moves)}

    # --- the neighbour, beside a move that is held back

    def beside(self, rate, clients):
        """The neighbour's writes while the tenant moves and does not, in turn: their record, and by round the windows without a move,
        during all of it, and while it copies, with its replication slot open."""
        seconds = self.options.seconds
        limit = max(10_000, int(self.bytes / seconds))
        load = Load(self.side, NEIGHBOUR, self.options.rows, rate, clients)
        time.sleep(1)
        windows = []
        for _ in range(self.options.rounds):
            begin = time.monotonic()
            time.sleep(seconds)
            quiet = (begin, time.monotonic())
            move = self.move("--max-rate", f"{limit // 1024}kB")
            windows.append((quiet, (move["began"], move["ended"]), (move["phases"]["claim"], move["phases"]["catch_up"])))
            time.sleep(0.5)
        record = load.end()
        return record, windows, limit

    def neighbour(self):
        record, windows, limit = self.beside(self.options.neighbour_rate, 8)
        quiet = [percentile(record.latencies_ms(*without), 0.99) for without, _, _ in windows]
        moving = [percentile(record.latencies_ms(*during), 0.99) for _, during, _ in windows]
        return {"neighbour_p99_quiet_ms": statistics.median(quiet), "neighbour_p99_moving_ms": statistics.median(moving),
                "neighbour_p99_ratio": statistics.median(b / a for a, b in zip(quiet, moving)), "max_rate_bytes": limit}

    def journal(self):
        record, windows, _ = self.beside(0, 4)
        quiet = [record.rate(*without) for without, _, _ in windows]
        moving = [record.rate(*copying) for _, _, copying in windows]
        return {"neighbour_writes_quiet": statistics.median(quiet), "neighbour_writes_moving": statistics.median(moving),
                "journal_overhead": 1 - statistics.median(b / a for a, b in zip(quiet, moving))}

    # --- the copy, beside psql's

    def copy(self):
        """Rows a second of the mover's copy and of `\\copy` out | in of the same rows, in turn. Neither checks foreign keys anew."""
        cluster = self.cluster
        cluster.sql("postgres", "create database bench_copy")
        subprocess.run([str(self.bulkhead), "migrate", str(ROOT / "bench" / "app"), "--database", cluster.url("bench_copy")], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ratios, rates = [], []
        for _ in range(max(3, self.options.rounds)):
            place, = cluster.sql(DATABASE, "select p.database_name, p.schema_name, t.id from catalog.placement p join catalog.tenant t "
                                           f"on t.id = p.tenant_id where t.slug = '{data.slug(MOVING)}'")
            bare = self.bare_copy(*place)
            result = self.move()["result"]
            ours = result["rows_done"] / max(result["copy_s"], 1e-6)
            ratios.append(ours / bare)
            rates.append((ours, bare))
            self.say(f"copy: {ours:,.0f} rows/s, psql {bare:,.0f} rows/s")
        return {"copy_rows_per_s": statistics.median(ours for ours, _ in rates), "psql_rows_per_s": statistics.median(bare for _, bare in rates),
                "copy_vs_psql": statistics.median(ratios)}

    def bare_copy(self, database, schema, tenant):
        cluster = self.cluster
        cluster.sql("bench_copy", "truncate app.tasks, app.project")
        rows, took = 0, 0.0
        for table in ("project", "tasks"):
            (count,), = cluster.sql(database, f'select count(*) from "{schema}".{table} where tenant_id = \'{tenant}\'')
            rows += int(count)
            out = f'\\copy (select * from "{schema}".{table} where tenant_id = \'{tenant}\') to stdout (format binary)'
            into = f"\\copy app.{table} from stdin (format binary)"
            psql = [str(clusters.BIN / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
            began = time.monotonic()
            reader = subprocess.Popen([*psql, "-d", cluster.conninfo(database), "-c", out], stdout=subprocess.PIPE)
            writer = subprocess.Popen([*psql, "-d", cluster.conninfo("bench_copy") + " options='-c session_replication_role=replica'", "-c", into],
                                      stdin=reader.stdout)
            reader.stdout.close()
            if writer.wait() or reader.wait():
                raise RuntimeError("psql's copy failed; its words are above")
            took += time.monotonic() - began
        return rows / took


def benchmark(options, say):
    began = time.monotonic()
    bench = Bench(options, say)
    try:
        bench.set_up()
        figures = {}
        for name, words, part in (("pause", "the pause, as clients see it", bench.pauses), ("copy", "the copy, beside psql's", bench.copy),
                                  ("neighbour", "a neighbour's latency beside a move that is held back", bench.neighbour),
                                  ("journal", "a neighbour's writes while the changes are read out of the log", bench.journal)):
            if options.only in (None, name):
                say(words)
                figures.update(part())
    finally:
        bench.close()
    for name, value in figures.items():
        if not isinstance(value, list):
            print(f"{name:<28}{value:>14,.2f}")
    print()
    document = {**figures, "took_s": time.monotonic() - began, "setting": {"rows": options.rows, "rate": options.rate, "moves": options.moves}}
    goals = (("pause_p50_ms", "<=", 20), ("pause_p99_ms", "<=", 100), ("neighbour_p99_ratio", "<=", 1.5), ("copy_vs_psql", ">=", 0.5),
             ("journal_overhead", "<=", 0.10))
    wanted = [(name, figures[name], sign, limit) for name, sign, limit in goals if name in figures]
    return report.conclude(document, wanted, options, say)
