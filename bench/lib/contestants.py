"""The sides of the benchmark. Each can `start`, `measure(op, seconds)` one run, and `stop`."""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from . import data, measure

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
READS, WRITES = ("point", "list"), ("update", "insert")
OPS = READS + WRITES


def result(requests, seconds, p50, p99, bad, used, server="server"):
    """One run's figures; CPU in microseconds a request."""
    each = 1e6 / max(requests, 1)
    return {"requests": requests, "rps": requests / seconds, "p50_ms": p50, "p99_ms": p99, "bad": bad,
            "server_us": used[server] * each, "pg_us": used["pg"] * each, "cpu_us": (used[server] + used["pg"]) * each,
            "other": used["other"]}


class Setting:
    """What all sides share."""

    def __init__(self, cluster, work, tenants, rows, huge, warm):
        self.cluster, self.work, self.tenants, self.rows, self.warm = cluster, work, tenants, rows, warm
        self.huge = huge


class Ceiling:
    """bench_ceiling: one process an operation, kept connected and warm over all rounds."""

    def __init__(self, setting, program, binding):
        self.setting, self.program, self.database = setting, program, f"bench_{binding}"
        self.name = f"ceiling {binding}"
        self.runs = {}

    def start(self):
        lines = data.tenant_lines(self.setting.cluster, self.database)
        file = self.setting.work / f"{self.database}.tsv"
        file.write_text("".join("\t".join(line) + "\n" for line in lines))
        for op in OPS:
            connections, depth = (4, 8) if op in READS else (16, 1)
            self.runs[op] = subprocess.Popen(
                [self.program, "--conninfo", self.setting.cluster.conninfo(self.database, "bulkhead_login"), "--tenants", file,
                 "--op", op, "--connections", str(connections), "--depth", str(depth), "--rows", str(self.setting.rows),
                 "--warm", str(self.setting.warm)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            if self.runs[op].stdout.readline().strip() != "ready":
                raise RuntimeError(f"{self.name}: {op} did not start; its words are above")

    def measure(self, op, seconds):
        process = self.runs[op]
        window = measure.Window(server=process.pid, pg=self.setting.cluster.pid)
        process.stdin.write(f"{seconds}\n")
        process.stdin.flush()
        line = process.stdout.readline()
        used = window.end()
        if not line:
            raise RuntimeError(f"{self.name}: {op} ended; its words are above")
        said = json.loads(line)
        figures = result(said["requests"], said["seconds"], said["p50_ms"], said["p99_ms"], said["bad"], used)
        figures["pss_mb"] = measure.memory_mb(process.pid)
        return figures

    def stop(self):
        for process in self.runs.values():
            process.stdin.close()
            process.wait()


class Pgbench:
    """pgbench -M prepared, 8 clients, a table without tenants. It connects anew each time; the CPU of 8 connections is
    measured beside it and taken off."""

    name = "pgbench"
    database = "bench_peer"
    more, environment = [], {}  # What else pgbench is given.
    ID = "('00000000-0000-4000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid"
    PROJECT = "('10000000-0000-4000-8000-' || lpad(to_hex(:p::bigint), 12, '0'))::uuid"
    SCRIPTS = {
        "point": f"select {data.COLUMNS} from flat_tasks where id = {ID};",
        "list": f"select {data.COLUMNS} from flat_tasks where status = (array['open', 'done'])[:s::integer] "
                "order by created_at desc, id desc limit 20;",
        "update": f"update flat_tasks set priority = :s::integer, due = now() where id = {ID} returning {data.COLUMNS};",
        "insert": f"insert into flat_tasks (project_id, title, status, priority, due) values ({PROJECT}, 'Order more sleeves', "
                  f"'open', :s::integer, now()) returning {data.COLUMNS};",
    }

    def __init__(self, setting):
        self.setting = setting
        self.connecting = 0.0

    def start(self):
        total = self.setting.tenants * self.setting.rows
        for op, statement in self.SCRIPTS.items():
            (self.setting.work / f"{op}.sql").write_text(
                f"\\set n random(0, {total - 1})\n\\set p random(0, {self.setting.tenants * 10 - 1})\n\\set s random(1, 2)\n"
                f"{statement}\n")
        self._measure_connecting("point")

    def _measure_connecting(self, op):
        costs = []
        for _ in range(3):
            window = measure.Window(pg=self.setting.cluster.pid)
            self._run(op, ["-t", "1"])
            costs.append(window.end()["pg"])
        self.connecting = sorted(costs)[1]

    def _run(self, op, more):
        before = measure.tree_size(self.setting.cluster.pid)
        done = subprocess.run(
            ["pgbench", "-n", "-M", "prepared", "-c", "8", "-j", "1", "-f", self.setting.work / f"{op}.sql", *self.more, *more,
             self.setting.cluster.conninfo(self.database)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**os.environ, **self.environment})
        if done.returncode:
            raise RuntimeError(f"pgbench: {done.stderr}")
        self._settle(before)
        return done.stdout

    def _settle(self, before):
        """Until PostgreSQL has awaited the backends that ended: their CPU time moves to its own then, and a reading in
        between could miss it."""
        end = time.monotonic() + 5
        while time.monotonic() < end and measure.tree_size(self.setting.cluster.pid) > before:
            time.sleep(0.01)

    def measure(self, op, seconds):
        prefix = self.setting.work / "pgbench_log"
        window = measure.Window(pg=self.setting.cluster.pid)
        text = self._run(op, ["-T", str(max(1, round(seconds))), "-l", "--log-prefix", prefix, "--sampling-rate", "0.05"])
        used = window.end()
        used["pg"], used["server"] = max(0.0, used["pg"] - self.connecting), 0.0
        requests = int(re.search(r"actually processed: (\d+)", text)[1])
        rate = float(re.search(r"tps = ([\d.]+)", text)[1])
        bad = int(re.search(r"failed transactions: (\d+)", text)[1])
        latencies = []
        for file in self.setting.work.glob("pgbench_log*"):
            latencies += [int(line.split()[2]) / 1000 for line in file.read_text().splitlines()]
            file.unlink()
        latencies.sort()
        p50, p99 = (latencies[int(share * (len(latencies) - 1))] for share in (0.5, 0.99)) if latencies else (0, 0)
        return {**result(requests, requests / rate, p50, p99, bad, used), "pss_mb": 0.0}

    def stop(self):
        pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class HttpSide:
    """A server on loopback, its load made by wrk."""

    style = "rest"
    script = "tasks.lua"

    def script_arguments(self):
        return [self.style, self.setting.rows]

    def __init__(self, setting):
        self.setting = setting
        self.process, self.port, self.tokens, self.pid = None, 0, None, 0

    def launch(self, command, environment, is_ready):
        self.log = self.setting.work / f"{self.name.replace(' ', '-')}.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, env={**os.environ, **environment})
        self.pid = self.process.pid
        end = time.monotonic() + 60
        while not is_ready():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.name} did not start:\n" + self.log.read_text()[-3000:])
            time.sleep(0.02)

    def measure(self, op, seconds):
        command = ["wrk", "-t1", "-c32", f"-d{max(1, round(seconds))}s", "--latency", "-s", ROOT / "bench" / self.script,
                   f"http://127.0.0.1:{self.port}", "--", op, *self.script_arguments(), self.tokens,
                   f"127.0.0.1:{self.port}"]
        window = measure.Window(server=self.pid, pg=self.setting.cluster.pid)
        done = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        used = window.end()
        line = re.search(r"^RESULT (.*)$", done.stdout, re.M)
        if done.returncode or not line:
            raise RuntimeError(f"{self.name}: wrk failed:\n{done.stdout}")
        said = json.loads(line[1])
        figures = result(said["requests"], said["seconds"], said["p50_ms"], said["p99_ms"], said["bad"], used)
        figures["pss_mb"] = measure.memory_mb(self.pid)
        return figures

    def token(self, tenant):
        return self.tokens.read_text().splitlines()[tenant]

    def ask(self, connection, method, path, tenant, body=None, headers=None):
        """One request; (status, decoded body)."""
        send = {"Authorization": f"Bearer {self.token(tenant)}", **(headers or {})}
        if body is not None:
            send["Content-Type"] = "application/json"
        connection.request(method, path, json.dumps(body) if body is not None else None, send)
        response = connection.getresponse()
        text = response.read()
        try:
            return response.status, json.loads(text) if text else None
        except ValueError:
            return response.status, text.decode(errors="replace")

    def verify(self):
        """The answers are right, and another tenant's row is not among them: a fast wrong server must not win."""
        rest = self.style == "rest"
        one = {"Accept": "application/vnd.pgrst.object+json"} if rest else {}
        back = {**one, "Prefer": "return=representation"} if rest else {}
        path = "/rest/v1/tasks?id=eq." if rest else "/tasks/"
        newest = "/rest/v1/tasks?status=eq.open&order=created_at.desc,id.desc&limit=20" if rest else "/tasks?status=open"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

        def expect(what, holds, answer):
            if not holds:
                raise RuntimeError(f"{self.name}: wrong answer to {what}: {answer}\n" + self.log.read_text()[-2000:])

        for tenant in sorted({0, 1, self.setting.tenants - 1}):
            own = f"00000000-0000-4000-8000-{tenant * self.setting.rows + 5:012x}"
            other = f"00000000-0000-4000-8000-{(tenant + 1) % self.setting.tenants * self.setting.rows + 5:012x}"
            answer = self.ask(connection, "GET", path + own, tenant, headers=one)
            expect("point", answer[0] == 200 and answer[1]["id"] == own and answer[1]["title"] == "Task 5 of the shop", answer)
            answer = self.ask(connection, "GET", path + other, tenant, headers=one)
            expect("another tenant's row", answer[0] in (404, 406), answer)
            answer = self.ask(connection, "PATCH", path + own, tenant, {"priority": 3, "due": "2027-01-01T12:00:00Z"}, back)
            expect("update", answer[0] == 200 and answer[1]["priority"] == 3, answer)
            answer = self.ask(connection, "GET", newest, tenant)
            rows = answer[1] if answer[0] == 200 else []
            expect("list", len(rows) == 20 and rows == sorted(rows, key=lambda row: row["created_at"], reverse=True), answer)
            answer = self.ask(connection, "POST", "/rest/v1/tasks" if rest else "/tasks", tenant,
                              {"project_id": f"10000000-0000-4000-8000-{tenant * 10:012x}", "title": "checked", "status": "open",
                               "priority": 1, "due": "2027-01-01T12:00:00Z"}, back)
            expect("insert", answer[0] == 201 and answer[1]["title"] == "checked", answer)
        connection.close()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Fastify(HttpSide):
    name, style = "fastify + pg", "fastify"

    def start(self):
        folder = ROOT / "bench" / "peers" / "fastify"
        lines = data.tenant_lines(self.setting.cluster, "bench_signed")
        subprocess.run(["node", folder / "mint.mjs", self.setting.work], input="".join(f"{line[0]}\n" for line in lines),
                       text=True, check=True)
        self.tokens, self.port = self.setting.work / "tokens.txt", free_port()
        self.launch(["node", folder / "server.mjs"],
                    {"PORT": str(self.port), "PGHOST": str(self.setting.cluster.socket), "PGDATABASE": "bench_peer",
                     "PGUSER": "founder_app", "JWKS": str(self.setting.work / "jwks.json"), "NODE_ENV": "production"},
                    lambda: "ready" in self.log.read_text())


class Bulkhead(HttpSide):
    def __init__(self, setting, program, app, binding):
        super().__init__(setting)
        self.program, self.app, self.binding = program, app, binding
        self.name, self.database = f"bulkhead {binding}", f"bench_{binding}"

    def start(self):
        self.start_with([data.slug(n) for n in range(self.setting.tenants)])

    def start_with(self, tenants):
        """With a token for a member of each of these tenants."""
        ready = self.setting.work / f"{self.database}.ready"
        url = self.setting.cluster.url(self.database)
        self.launch([self.program, "dev", self.app, "--database", url, "--port", "0", "--threads", "1", "--ready-file", ready],
                    {}, lambda: ready.exists() and ready.stat().st_size > 0)
        said = json.loads(ready.read_text())
        self.port = int(said["url"].rstrip("/").rpartition(":")[2])
        slugs = self.setting.work / "slugs.txt"
        slugs.write_text("".join(f"{slug}\n" for slug in tenants))
        done = subprocess.run([self.program, "token", "--database", url, "--tenants-file", slugs, "--user", "bench", "--role",
                               "member", "--ttl", "86400", "--json"], stdout=subprocess.PIPE, text=True, check=True)
        tokens = [json.loads(line)["token"] for line in done.stdout.splitlines()]
        if len(tokens) != len(tenants):
            raise RuntimeError(f"bulkhead token printed {len(tokens)} tokens for {len(tenants)} tenants")
        self.tokens = self.setting.work / f"{self.database}.tokens"
        self.tokens.write_text("".join(f"{token}\n" for token in tokens))

    def _syncs(self, connection):
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        found = re.findall(r"^\w*pg\w*sync\w*(?:\{[^}]*\})? ([\d.e+]+)$", text, re.M)
        return sum(map(float, found)) if found else None

    def round_trips(self, write=False, requests=300):
        """Syncs sent to PostgreSQL for one request, by the server's own counter; None when it has none. Each tenant used is
        asked once before, so that the server's view of the catalog is filled and its statements are prepared."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Accept": "application/vnd.pgrst.object+json", "Prefer": "return=representation"}
        many = min(20, self.setting.tenants)

        def send(number):
            tenant = number % many
            identity = f"00000000-0000-4000-8000-{tenant * self.setting.rows + number % self.setting.rows:012x}"
            body = {"priority": number % 5} if write else None
            status, _ = self.ask(connection, "PATCH" if write else "GET", f"/rest/v1/tasks?id=eq.{identity}", tenant, body, headers)
            if status != 200:
                raise RuntimeError(f"{self.name}: status {status} while counting round trips")

        for number in range(many):
            send(number)
        before = self._syncs(connection)
        for number in range(requests):
            send(number)
        after = self._syncs(connection)
        connection.close()
        return None if before is None or after is None else (after - before) / requests
