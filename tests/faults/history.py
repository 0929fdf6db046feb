"""What writers did, what is there in the end, and whether the one follows from the other."""

import collections
import threading

ACKED, REFUSED, UNKNOWN = "acked", "refused", "unknown"
KINDS = ("lost", "doubled", "leaked", "wrong order", "stale", "homes")


class Attempt:
    """One write, noted before it is sent."""

    __slots__ = ("kind", "seq", "mark", "outcome", "value", "before")

    def __init__(self, kind, seq, mark="", before=(0, 0)):
        self.kind, self.seq, self.mark = kind, seq, mark
        self.outcome, self.value = UNKNOWN, None
        self.before = before  # Of a bump: how many were acknowledged and how many unknown when it was sent.


class History:
    """One writer's attempts, in their order: each was sent after the one before it was answered or given up. One thread writes."""

    def __init__(self, tenant, writer):
        self.tenant, self.writer = tenant, writer
        self.attempts = []
        self.inserted, self.deleted = {}, {}  # seq → outcome of the insert (and of the delete, where there was one)
        self.acked_bumps = self.unknown_bumps = 0

    def mark(self, seq):
        return f"{self.tenant}/{self.writer}/{seq}"

    def begin(self, kind, seq=0):
        mark = self.mark(seq) if kind == "insert" else ""
        attempt = Attempt(kind, seq, mark, (self.acked_bumps, self.unknown_bumps))
        self.attempts.append(attempt)
        return attempt

    def end(self, attempt, outcome, value=None):
        attempt.outcome, attempt.value = outcome, value
        if attempt.kind == "insert":
            self.inserted[attempt.seq] = outcome
        elif attempt.kind == "delete":
            self.deleted[attempt.seq] = outcome
        else:
            self.acked_bumps += outcome == ACKED
            self.unknown_bumps += outcome == UNKNOWN

    def must_be(self, seq):
        """(fewest, most) rows of this insert."""
        fewest = 1 if self.inserted.get(seq) == ACKED else 0
        most = 0 if self.inserted.get(seq, REFUSED) == REFUSED else 1
        deleted = self.deleted.get(seq, REFUSED)
        if deleted == ACKED:
            return 0, 0
        return (0 if deleted == UNKNOWN else fewest), most


class Findings:
    """Counts, and the first of each kind in words. Thread-safe."""

    def __init__(self):
        self.counts, self.words = collections.Counter(), []
        self._lock = threading.Lock()

    def add(self, kind, words):
        with self._lock:
            self.counts[kind] += 1
            if self.counts[kind] <= 5:
                self.words.append(f"{kind}: {words}")

    def __bool__(self):
        return any(self.counts.values())

    def text(self):
        return ", ".join(f"{kind} {self.counts[kind]}" for kind in KINDS)


class Entry(collections.namedtuple("Entry", "tenant writer seq mark number place twice")):
    """A row of the table entry, `tenant` being the slug of its tenant_id."""


class Count(collections.namedtuple("Count", "tenant writer value mark ballast")):
    """A row of the table counter."""


def belongs(row):
    return row.mark.startswith(f"{row.tenant}/")


def judge_rows(histories, entries, found):
    by_attempt = collections.Counter()
    last = {}
    numbers = collections.Counter((row.tenant, row.number) for row in entries)
    for row in entries:
        if not belongs(row):
            found.add("leaked", f"{row.tenant} has a row of {row.mark}")
        if row.twice != 2 * row.seq:
            found.add("lost", f"the generated column of {row.mark} is {row.twice}")
        by_attempt[row.mark] += 1
    for (tenant, number), times in numbers.items():
        if times > 1:
            found.add("doubled", f"{tenant}'s number {number} was given {times} times")
    for history in histories:
        for seq in history.inserted:
            mark = history.mark(seq)
            fewest, most = history.must_be(seq)
            there = by_attempt.pop(mark, 0)
            if there < fewest:
                found.add("lost", f"{mark} was acknowledged and is not there")
            if there > most:
                why = "is there again after it was deleted" if history.deleted.get(seq) == ACKED else f"is there {there} times of {most}"
                found.add("doubled", f"{mark} {why}")
    for mark, times in by_attempt.items():
        if not any(mark.startswith(f"{history.tenant}/{history.writer}/") for history in histories):
            found.add("leaked", f"{times} rows of {mark}, which nobody wrote")
    outcome = {(h.tenant, h.writer): h.inserted for h in histories}
    for row in sorted(entries, key=lambda row: (row.tenant, row.writer, row.seq)):
        # What was never answered may have been done late.
        if outcome.get((row.tenant, row.writer), {}).get(row.seq) != ACKED:
            continue
        before = last.get((row.tenant, row.writer))
        if before is not None and (row.number <= before.number or row.place <= before.place):
            found.add("wrong order", f"{row.mark} has number {row.number}, place {row.place}, and {before.mark} before it has {before.number}, {before.place}")
        last[row.tenant, row.writer] = row


def judge_counts(histories, counts, ballast, found):
    by_writer = collections.defaultdict(list)
    for row in counts:
        if not belongs(row):
            found.add("leaked", f"{row.tenant} has the counter of {row.mark}")
        by_writer[row.tenant, row.writer].append(row)
    for history in histories:
        name = f"counter {history.tenant}/{history.writer}"
        rows = by_writer.get((history.tenant, history.writer), [])
        if len(rows) != 1:
            found.add("doubled" if rows else "lost", f"{name} is there {len(rows)} times")
            continue
        fewest, most = history.acked_bumps, history.acked_bumps + history.unknown_bumps
        if rows[0].value < fewest:
            found.add("lost", f"{name} is {rows[0].value} after {fewest} acknowledged updates")
        if rows[0].value > most:
            found.add("doubled", f"{name} is {rows[0].value} after {most} updates")
        if rows[0].ballast != ballast:
            found.add("lost", f"{name} has lost its large value")
        largest = 0
        for attempt in history.attempts:
            if attempt.kind != "bump" or attempt.outcome != ACKED:
                continue
            acked, unknown = attempt.before
            if not acked + 1 <= attempt.value <= acked + unknown + 1 or attempt.value <= largest:
                found.add("wrong order", f"{name} was {attempt.value} at an update with {acked} acknowledged and {unknown} unknown before it")
            largest = max(largest, attempt.value)


def judge(histories, entries, counts, ballast, homes, found):
    """`homes`: how many databases take the tenants' writes, by tenant."""
    judge_rows(histories, entries, found)
    judge_counts(histories, counts, ballast, found)
    for tenant, places in homes.items():
        if len(places) != 1:
            found.add("homes", f"{tenant} has {len(places)} homes: {', '.join(places) or 'none'}")


def judge_read(history, low, rows, found):
    """A writer's own rows from `low` on, as it was given them after its last answer."""
    there = collections.Counter(row["seq"] for row in rows)
    for row in rows:
        if row["mark"] != history.mark(row["seq"]):
            found.add("leaked", f"{history.tenant}/{history.writer} was shown {row['mark']}")
    for seq in history.inserted:
        if seq < low:
            continue
        fewest, most = history.must_be(seq)
        if there[seq] < fewest:
            found.add("stale", f"a read did not have {history.mark(seq)}, which was acknowledged before it")
        if there[seq] > most:
            found.add("stale", f"a read had {history.mark(seq)} {there[seq]} times of {most}")
