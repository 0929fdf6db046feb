"""bench/run entry: what the entry costs a request, in CPU µs of the thread that does it."""

import json
import subprocess

from . import report

GOALS = [("cached_subdomain_us", 3), ("cached_header_us", 3), ("uncached_rs256_us", 40), ("uncached_es256_us", 120)]


def benchmark(options, say):
    say(f"{options.tenants} tenants × {options.users} users, {options.rounds} rounds")
    done = subprocess.run([options.programs / "bench_entry", "--tenants", str(options.tenants), "--users", str(options.users),
                           "--rounds", str(options.rounds)], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError("bench_entry failed; what it said is above")
    document = json.loads(done.stdout)
    for name, value in document.items():
        print(f"{name:<24}{value:>10.2f}")
    print()
    return report.conclude(document, [(name, document[name], "<=", limit) for name, limit in GOALS], options, say)
