"""A private PostgreSQL cluster for one benchmark, and how to ask it."""

import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile
import time

BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
HUGE = pathlib.Path("/proc/sys/vm/nr_hugepages")


class Cluster:
    """Initialised in a fresh folder, run as an ordinary user (PostgreSQL refuses root), removed at the end."""

    def __init__(self, parent, shared_buffers_mb, huge_pages=True, more=None):
        """`more`: settings besides, as they stand in postgresql.conf."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bulkhead-bench-", dir=parent))
        self.data, self.socket, self.log = self.folder / "pg", self.folder / "s", self.folder / "postgres.log"
        self.user = {}
        self.huge_before = None
        self.started = False
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self.user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        self.folder.chmod(0o755)
        self.huge = False
        if huge_pages:
            self._reserve_huge_pages(shared_buffers_mb)
        self._run([BIN / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"])
        self._run(["mkdir", self.socket])
        settings = {
            "listen_addresses": "''", "unix_socket_directories": f"'{self.socket}'", "max_connections": 200,
            "shared_buffers": f"'{shared_buffers_mb}MB'", "huge_pages": "try", "synchronous_commit": "on", "fsync": "on",
            "autovacuum": "off", "checkpoint_timeout": "'1h'", "max_wal_size": "'16GB'", "wal_level": "logical",
            "jit": "off", "log_min_messages": "warning", **(more or {}),
        }
        with open(self.data / "postgresql.conf", "a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())
        self.start()

    def start(self):
        self._run([BIN / "pg_ctl", "-D", self.data, "-l", self.log, "-w", "-t", "60", "start"])
        self.started = True
        self.pid = int((self.data / "postmaster.pid").read_text().split()[0])

    def _run(self, command):
        done = subprocess.run([str(part) for part in command], cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, **self.user)
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed:\n{done.stdout}")

    def _reserve_huge_pages(self, shared_buffers_mb):
        """On 4 kB pages each backend faults in every page it touches, which would be most of what is measured."""
        need = (shared_buffers_mb + 160) // 2
        now = int(HUGE.read_text())
        if now < need and os.geteuid() == 0:
            self.huge_before = now
            HUGE.write_text(str(need))
        self.huge = int(HUGE.read_text()) >= need

    def url(self, database, user="postgres"):
        return f"postgresql://{user}@/{database}?host={self.socket}"

    def conninfo(self, database, user="postgres"):
        return f"host={self.socket} dbname={database} user={user}"

    def sql(self, database, text):
        """Runs a script; the rows as lists of strings."""
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo(database)],
                              input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise RuntimeError(f"psql: {done.stderr.strip()}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def close(self):
        if self.started:
            self.started = False
            self._run([BIN / "pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop"])
        if self.huge_before is not None:
            HUGE.write_text(str(self.huge_before))
            self.huge_before = None
        # Files of the cluster's user in a folder of its: root may remove them, and so may that user.
        for _ in range(5):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                return
            time.sleep(0.2)
