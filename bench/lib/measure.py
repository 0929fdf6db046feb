"""CPU time and memory of process trees, and of the rest of the machine, from /proc."""

import os
import pathlib
import resource
import time

TICK = os.sysconf("SC_CLK_TCK")


def _processes():
    """pid → (parent, own CPU and that of its ended and awaited children, in seconds)."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as file:
                # The name may hold spaces and parentheses; the last parenthesis ends it.
                fields = file.read().rpartition(") ")[2].split()
        except OSError:
            continue
        found[int(entry)] = (int(fields[1]), sum(map(int, fields[11:15])) / TICK)
    return found


def tree(root, processes):
    members, grown = {root}, True
    while grown:
        more = {pid for pid, (parent, _) in processes.items() if parent in members} - members
        members |= more
        grown = bool(more)
    return members & processes.keys()


def tree_size(root):
    return len(tree(root, _processes()))


def memory_mb(root):
    """Proportional set size of a tree."""
    total = 0
    for pid in tree(root, _processes()):
        try:
            lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def _busy():
    with open("/proc/stat") as file:
        fields = list(map(int, file.readline().split()[1:9]))
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields
    return (user + nice + system + irq + softirq + steal) / TICK


class Window:
    """CPU seconds between construction and `end()`: of each named tree, of this process and its children (the load tool),
    and of everything else."""

    def __init__(self, **roots):
        self.roots = roots
        self.before, self.mine = self._read(), self._own()
        self.busy, self.began = _busy(), time.monotonic()

    def _read(self):
        processes = _processes()
        return {name: sum(processes[pid][1] for pid in tree(root, processes)) for name, root in self.roots.items()}

    @staticmethod
    def _own():
        own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime

    def end(self):
        seconds, busy = time.monotonic() - self.began, _busy() - self.busy
        after = self._read()
        used = {name: after[name] - self.before[name] for name in after}
        used["other"] = max(0.0, busy - sum(used.values()) - (self._own() - self.mine)) / seconds
        return used
