"""Writers over HTTP, each with a history of its own."""

import http.client
import json
import random
import threading
import time

from history import ACKED, REFUSED, UNKNOWN, History, judge_read

TIMEOUT = 20
RECENT = 20  # How many of its own rows a writer reads.


class Writer(threading.Thread):
    """One user of a tenant: one write after another, now at this server and now at that, and now and then a look at what it wrote."""

    def __init__(self, tenant, number, token, ports, pace, seed, found):
        super().__init__(daemon=True)
        self.history = History(tenant, number)
        self.ports, self.pace, self.found = ports, pace, found
        self.random = random.Random(f"{seed}/{tenant}/{number}")
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.connections = {}
        self.answers = []  # When a write was acknowledged.
        self.reads = 0
        self.refusals = {}  # When each answer that was none came, by its status and text.
        self.stopping = threading.Event()

    def run(self):
        seq = 0
        while not self.stopping.wait(self.random.uniform(0, 2 * self.pace)):
            dice = self.random.random()
            mine = [known for known in range(max(1, seq - RECENT), seq + 1)
                    if self.history.inserted.get(known) == ACKED and known not in self.history.deleted]
            if dice < 0.25:
                self.write("bump")
            elif dice < 0.33 and mine:
                self.write("delete", self.random.choice(mine))
            elif dice < 0.53 and seq:
                self.read(max(1, seq - RECENT))
            else:
                seq += 1
                self.write("insert", seq)
        for connection in self.connections.values():
            connection.close()

    def write(self, kind, seq=0):
        writer = self.history.writer
        attempt = self.history.begin(kind, seq)
        if kind == "insert":
            outcome, answer = self.ask("POST", "/rest/v1/entry", {"writer": writer, "seq": seq, "mark": attempt.mark})
        elif kind == "delete":
            outcome, answer = self.ask("DELETE", f"/rest/v1/entry?writer=eq.{writer}&seq=eq.{seq}")
        else:
            outcome, answer = self.ask("POST", "/rest/v1/rpc/bump", {"which": writer})
        if kind == "bump" and outcome == ACKED and not isinstance(answer, int):
            # Null: no row was found where there has always been one.
            self.found.add("stale", f"{self.history.tenant}/{writer}: an update was answered with {answer}")
            outcome = UNKNOWN
        self.history.end(attempt, outcome, answer)
        if outcome == ACKED:
            self.answers.append(time.monotonic())

    def read(self, low):
        path = f"/rest/v1/entry?writer=eq.{self.history.writer}&seq=gte.{low}&select=seq,mark"
        outcome, rows = self.ask("GET", path)
        if outcome == ACKED:
            self.reads += 1
            judge_read(self.history, low, rows, self.found)

    def ask(self, method, path, body=None):
        """(outcome, the answer's JSON). What never reached a server is refused; what was sent and not answered is unknown."""
        port = self.random.choice(self.ports)
        connection = self.connections.get(port)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
            try:
                connection.connect()
            except OSError:
                return REFUSED, None
            self.connections[port] = connection
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, self.headers)
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self.connections.pop(port).close()
            return UNKNOWN, None
        if response.will_close:
            self.connections.pop(port).close()
        if response.status >= 500:
            self.refused(response.status, text)
            return UNKNOWN, None
        if response.status >= 300:
            self.refused(response.status, text)
            return REFUSED, None
        return ACKED, json.loads(text) if text else None

    def refused(self, status, text):
        self.refusals.setdefault((status, text[:150].decode(errors="replace")), []).append(time.monotonic())


def longest_gap(writers):
    """Seconds between two acknowledged writes of a tenant, at the most."""
    times = sorted(when for writer in writers for when in writer.answers)
    return max((after - before for before, after in zip(times, times[1:])), default=0.0)
