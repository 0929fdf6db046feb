"""bench/run entry: what the entry costs a request, in CPU µs of the thread that does it."""

import json
import subprocess

GOALS = [("cached_subdomain_us", 3), ("cached_header_us", 3), ("uncached_rs256_us", 40), ("uncached_es256_us", 120)]


def benchmark(options, say):
    say(f"{options.tenants} tenants × {options.users} users, {options.rounds} rounds")
    done = subprocess.run([options.programs / "bench_entry", "--tenants", str(options.tenants), "--users", str(options.users),
                           "--rounds", str(options.rounds)], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError("bench_entry failed; what it said is above")
    document = json.loads(done.stdout)
    document["goals"] = [{"name": name, "measured": document[name], "goal": f"<= {limit:g}", "met": document[name] <= limit}
                         for name, limit in GOALS]
    for name, value in document.items():
        if name != "goals":
            print(f"{name:<24}{value:>10.2f}")
    print(f"\n{'goal':<26}{'wanted':>10}{'measured':>10}")
    for goal in document["goals"]:
        print(f"  {goal['name']:<24}{goal['goal']:>10}{goal['measured']:>10.2f}  {'met' if goal['met'] else 'MISSED'}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(document, indent=1) + "\n")
        say(f"wrote {options.json}")
    return 1 if options.strict and not all(goal["met"] for goal in document["goals"]) else 0
