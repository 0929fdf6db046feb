"""Two PostgreSQL clusters as cells, two servers on one catalog, tenants, and the ways to break each of them."""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from history import Count, Entry

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bench"))
from lib import cluster as clusters  # noqa: E402

MOVING, NEIGHBOUR = "moving", "neighbour"
STILL = {"still-row": "row", "still-schema": "schema", "still-silo": "silo"}  # Nobody writes to them.
ISSUER, AUDIENCE = "https://checker.test", "faults"
BALLAST = hashlib.sha256(b"ballast").hexdigest() + "".join(hashlib.sha256(bytes([n % 256, n // 256])).hexdigest() for n in range(400))
BALLAST_MD5 = hashlib.md5(BALLAST.encode()).hexdigest()
READY_WITHIN = 60

RESIDENTS = """select to_regclass('bulkhead.residency') is not null as there \\gset
\\if :there
select tenant_id, schema_name from bulkhead.residency where resident;
\\endif
"""
ROWS = """select format('select ''entry'', %L, tenant_id, writer, seq, mark, number, place, twice from %I.entry', nspname, nspname)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relname = 'entry' and c.relkind = 'r' \\gexec
select format('select ''counter'', %L, tenant_id, writer, value, mark, md5(ballast) from %I.counter', nspname, nspname)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relname = 'counter' and c.relkind = 'r' and nspname <> 'bulkhead' \\gexec
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def token(secret, subject, tenant):
    """HS256, for a day."""
    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=")
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "tenant": tenant, "iat": now, "exp": now + 86400}
    text = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()) + b"." + part(json.dumps(claims).encode())
    return (text + b"." + part(hmac.new(secret, text, hashlib.sha256).digest())).decode()


class Proxy:
    """A way to a PostgreSQL that can be cut: what is on it then is neither delivered nor answered, and at last reset."""

    def __init__(self, upstream):
        self.upstream, self.pairs, self.lock = upstream, set(), threading.Lock()
        self.open = threading.Event()
        self.open.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.upstream), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self.lock:
                self.pairs.add((client, server))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one, other):
        try:
            while data := one.recv(65536):
                self.open.wait()
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        self.open.clear()

    def mend(self):
        """Those who waited find their connections gone."""
        with self.lock:
            pairs, self.pairs = self.pairs, set()
        for pair in pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.open.set()

    def close(self):
        self.listener.close()
        self.mend()


class Gone(RuntimeError):
    """A database that was dropped meanwhile."""


class SmallDisk:
    """A file system in memory of some hundred megabytes, which can be full."""

    def __init__(self, parent, megabytes):
        """OSError or CalledProcessError where nothing may be mounted."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bulkhead-disk-", dir=parent))
        try:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", self.folder], check=True, stderr=subprocess.PIPE)
        except (OSError, subprocess.CalledProcessError):
            self.folder.rmdir()
            raise

    def fill(self):
        with open(self.folder / "junk", "ab", buffering=0) as junk:
            for size in (1 << 20, 4096):
                try:
                    while junk.write(bytes(size)) == size:
                        pass
                except OSError:
                    pass

    def make_room(self):
        (self.folder / "junk").unlink(missing_ok=True)

    def close(self):
        subprocess.run(["umount", "-l", self.folder], check=False)
        self.folder.rmdir()


class Cell:
    """A cluster on a port of its own, which can be killed."""

    def __init__(self, parent, more=None):
        self.port = free_port()
        # What a killed process has written is in the system's hands, so that nothing must be forced to disk.
        settings = {"listen_addresses": "'127.0.0.1'", "port": self.port, "fsync": "off", "autovacuum": "on", "max_replication_slots": 60,
                    "max_wal_senders": 60, "max_wal_size": "'1GB'", "restart_after_crash": "on", **(more or {})}
        self.cluster = clusters.Cluster(parent, 64, huge_pages=False, more=settings)
        self.folder = self.cluster.folder

    def url(self, database, port=None):
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}"

    def sql(self, database, text):
        """Rows of a script, as lists of strings; tried again while the cluster comes back."""
        command = [clusters.BIN / "psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", self.url(database)]
        end = time.monotonic() + READY_WITHIN
        while True:
            done = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if done.returncode == 0:
                return [line.split("\t") for line in done.stdout.splitlines()]
            if "does not exist" in done.stderr and "FATAL" in done.stderr:
                raise Gone(done.stderr.strip())
            if done.returncode != 2 or time.monotonic() > end:  # 2: the connection
                raise RuntimeError(f"psql: {done.stderr.strip()}")
            time.sleep(0.1)

    def databases(self):
        return [row[0] for row in self.sql("postgres", "select datname from pg_database where datallowconn and not datistemplate order by 1")]

    def processes(self):
        """Of this cluster, the postmaster first."""
        children = []
        for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                if int(entry.read_text().rpartition(") ")[2].split()[1]) == self.cluster.pid:
                    children.append(int(entry.parent.name))
            except (OSError, ValueError):
                continue
        return [self.cluster.pid, *children]

    def kill(self, whole):
        """kill -9 of one backend, at which PostgreSQL ends all of them and recovers, or of everything."""
        processes = self.processes()
        for pid in processes if whole else processes[-1:]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if whole:
            end = time.monotonic() + READY_WITHIN
            while any(pathlib.Path(f"/proc/{pid}").exists() for pid in processes) and time.monotonic() < end:
                time.sleep(0.02)
            self._start_again()

    def revive(self):
        """Where PostgreSQL has ended itself, since its log could not be written, and not come back."""
        if not pathlib.Path(f"/proc/{self.cluster.pid}").exists():
            self._start_again()

    def _start_again(self):
        (self.cluster.data / "postmaster.pid").unlink(missing_ok=True)
        self.cluster.start()

    def close(self):
        self.cluster.close()


class Server:
    """`bulkhead serve` at a port that stays."""

    def __init__(self, world, number):
        self.world, self.number, self.port, self.process = world, number, free_port(), None
        self.log = world.work / f"server-{number}.log"

    def start(self):
        ready = self.world.work / f"server-{self.number}.ready"
        ready.unlink(missing_ok=True)
        command = [self.world.program, "serve", self.world.app, "--database", self.world.url, "--port", self.port, "--threads", 1,
                   "--ready-file", ready]
        end = time.monotonic() + READY_WITHIN
        while True:
            with open(self.log, "a") as log:
                self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            while not ready.exists() and self.process.poll() is None and time.monotonic() < end:
                time.sleep(0.02)
            if ready.exists():
                return
            # The catalog may be coming back.
            if time.monotonic() > end:
                raise RuntimeError(f"the server did not become ready:\n{self.log.read_text()[-3000:]}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class World:
    def __init__(self, program, parent, say):
        self.program, self.say, self.servers = program, say, []
        self.north = Cell(parent)
        self.south = self.proxy = self.disk = None
        self.work = self.north.folder / "work"
        self.work.mkdir()
        self.secret = os.urandom(32).hex().encode()
        self.url = self.north.url("faults")
        self.trace = self.work / "trace"

    def set_up(self, parent, small=False):
        """`small`: the second cell's disk is one that can be full."""
        if small:
            self.disk = SmallDisk(parent, 1024)
        self.south = Cell(self.disk.folder, {"max_wal_size": "'256MB'"}) if small else Cell(parent)
        self.proxy = Proxy(self.south.port)
        self.app = self.work / "app"
        shutil.copytree(ROOT / "tests" / "faults" / "app", self.app)
        secret = self.work / "secret"
        secret.write_bytes(self.secret)
        secret.chmod(0o600)
        (self.app / "bulkhead.toml").write_text(
            f'[app]\nname = "faults"\n[database]\nbinding = "signed"\n[log]\nlevel = "warn"\n'
            f'[identity.checker]\nissuer = "{ISSUER}"\naudiences = ["{AUDIENCE}"]\nsecret = "file:{secret}"\n'
            'join = { "*" = "member" }\n')
        self.north.sql("postgres", "create database faults")
        self.run("migrate", self.app)
        # Operators reach the second cell by a way that can be cut; servers directly.
        self.run("cell", "add", "south", self.south.url("postgres", self.proxy.port), "--data-url", f"postgresql://127.0.0.1:{self.south.port}")
        self.run("tenant", "create", MOVING, "--model", "row", "--cell", "default")
        self.run("tenant", "create", NEIGHBOUR, "--model", "row", "--cell", "default")
        for slug, model in STILL.items():
            self.run("tenant", "create", slug, "--model", model, "--cell", "default" if model == "row" else "south")
        self.slugs = dict(self.north.sql("faults", "select id, slug from catalog.tenant"))
        self.ids = {slug: identity for identity, slug in self.slugs.items()}
        for number in range(2):
            self.servers.append(Server(self, number))
            self.servers[-1].start()

    def close(self):
        for server in self.servers:
            server.stop()
        if self.proxy is not None:
            self.proxy.close()
        for cell in (self.south, self.north):
            if cell is not None:
                cell.close()
        if self.disk is not None:
            self.disk.close()

    # --- commands

    def command(self, *arguments):
        return [str(word) for word in (self.program, *arguments, "--database", self.url)]

    def run(self, *arguments, check=True, timeout=120):
        done = subprocess.run(self.command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=timeout)
        if check and done.returncode:
            raise RuntimeError(f"bulkhead {' '.join(map(str, arguments))} failed ({done.returncode}):\n{done.stdout}{done.stderr[-3000:]}")
        return done

    def start(self, *arguments, failpoint=None):
        environment = {**os.environ, "BULKHEAD_FAILPOINT_TRACE": str(self.trace)}
        if failpoint:
            environment["BULKHEAD_FAILPOINT"] = failpoint
        return subprocess.Popen(self.command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env=environment)

    def failpoints(self):
        """The places of a move that have been passed so far."""
        return sorted(set(self.trace.read_text().split())) if self.trace.exists() else []

    # --- what is where

    def place(self, slug):
        """(model, cell) as the catalog has it."""
        (model, cell), = self.north.sql("faults", f"select p.model, p.cell from catalog.placement p where p.tenant_id = '{self.ids[slug]}'")
        return model, cell

    def operation(self, slug):
        """(id, state, error) of the tenant's latest move, or None."""
        rows = self.north.sql("faults", "select id, state, replace(error, E'\\n', ' ') from catalog.operation where kind = 'move' and "
                                        f"tenant_id = '{self.ids[slug]}' order by made_at desc, id limit 1")
        return (rows[0] + ["", ""])[:3] if rows else None

    def residents(self):
        """(cell, database, (tenant, schema) of who lives there) of every database that may hold tenants."""
        for cell in (self.north, self.south):
            for database in cell.databases():
                try:
                    yield cell, database, cell.sql(database, RESIDENTS)
                except Gone:
                    continue

    def homes(self):
        """For each tenant, the places whose database says that it lives there."""
        return self._homes(list(self.residents()))

    def _homes(self, residents):
        found = {slug: [] for slug in self.ids}
        for cell, database, living in residents:
            for identity, schema in living:
                found.setdefault(self.slugs.get(identity, identity), []).append(self._place(cell, database, schema))
        return found

    def _place(self, cell, database, schema):
        return f"{'north' if cell is self.north else 'south'}/{database}/{schema}"

    def rows(self):
        """(entries, counters, homes): the rows at each tenant's home; and rows elsewhere that are not their tenant's own."""
        entries, counts, strange = [], [], []
        residents = list(self.residents())
        homes = self._homes(residents)
        for cell, database, _ in residents:
            try:
                rows = cell.sql(database, ROWS)
            except Gone:
                continue
            for table, schema, identity, *values in rows:
                slug = self.slugs.get(identity, identity)
                row = Entry(slug, *map(int, values[:2]), values[2], *map(int, values[3:])) if table == "entry" else \
                    Count(slug, *map(int, values[:2]), *values[2:])
                place = self._place(cell, database, schema)
                if place in homes.get(slug, []):
                    (entries if table == "entry" else counts).append(row)
                elif not row.mark.startswith(f"{slug}/"):
                    # What a move leaves behind is kept for a time, but it is nobody else's.
                    strange.append(f"{place}: {slug} has a row of {row.mark}")
        return entries, counts, homes, strange

    def at_home(self, slug, text):
        """SQL as the superuser in the tenant's database, `{schema}` and `{id}` filled in."""
        place, = self.homes()[slug]
        name, database, schema = place.split("/")
        cell = self.north if name == "north" else self.south
        return cell.sql(database, text.format(schema=schema, id=self.ids[slug]))

    def seed(self, slug, writers):
        """A counter for each writer."""
        values = ", ".join(f"('{{id}}', {writer}, 0, '{slug}/{writer}/counter', '{BALLAST}')" for writer in range(writers))
        self.at_home(slug, f'insert into "{{schema}}".counter (tenant_id, writer, value, mark, ballast) values {values}')

    def settle(self):
        """Until no statement of the servers is under way: what was not answered is done or will never be."""
        end = time.monotonic() + READY_WITHIN
        for cell in (self.north, self.south):
            while time.monotonic() < end:
                busy = cell.sql("postgres", "select count(*) from pg_stat_activity where backend_type = 'client backend' and state <> 'idle' "
                                            "and usename like 'bulkhead%' and pid <> pg_backend_pid()")
                if busy[0][0] == "0":
                    break
                time.sleep(0.1)

