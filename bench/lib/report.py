"""Medians, ratios, goals, and the tables that people read."""

import json
import statistics

from .contestants import OPS

FIGURES = ("rps", "p50_ms", "p99_ms", "server_us", "pg_us", "cpu_us", "pss_mb", "other", "bad")

# name: (figure, operation, side, against). A ratio is taken in each round, between neighbours in time; its median counts.
RATIOS = {
    **{f"{op}_cpu_vs_ceiling": ("cpu_us", op, "bulkhead signed", "ceiling signed") for op in OPS},
    **{f"{op}_pgcpu_vs_ceiling": ("pg_us", op, "bulkhead signed", "ceiling signed") for op in OPS},
    **{f"{op}_rps_vs_ceiling": ("rps", op, "bulkhead signed", "ceiling signed") for op in OPS},
    **{f"{op}_rps_vs_fastify": ("rps", op, "bulkhead signed", "fastify + pg") for op in OPS},
    **{f"{op}_cpu_vs_fastify": ("cpu_us", op, "bulkhead signed", "fastify + pg") for op in OPS},
    **{f"{op}_rps_vs_pgbench": ("rps", op, "bulkhead signed", "pgbench") for op in OPS},
    **{f"{op}_cpu_vs_ceiling_plain": ("cpu_us", op, "bulkhead plain", "ceiling plain") for op in OPS},
    **{f"{op}_pgcpu_vs_ceiling_plain": ("pg_us", op, "bulkhead plain", "ceiling plain") for op in OPS},
    **{f"{op}_rps_vs_fastify_plain": ("rps", op, "bulkhead plain", "fastify + pg") for op in OPS},
    **{f"{op}_pgcpu_signed_vs_plain": ("pg_us", op, "ceiling signed", "ceiling plain") for op in OPS},
}

GOALS = [
    ("point_cpu_vs_ceiling", "<=", 2.2), ("list_cpu_vs_ceiling", "<=", 1.6), ("insert_cpu_vs_ceiling", "<=", 1.5),
    ("update_cpu_vs_ceiling", "<=", 1.5), ("point_pgcpu_vs_ceiling", "<=", 1.5), ("list_pgcpu_vs_ceiling", "<=", 1.5),
    ("point_rps_vs_fastify", ">=", 6.0), ("list_rps_vs_fastify", ">=", 5.0), ("insert_rps_vs_fastify", ">=", 2.0),
    ("update_rps_vs_fastify", ">=", 2.0), ("point_server_us", "<=", 32.0), ("list_server_us", "<=", 40.0),
    ("round_trips_per_read", "==", 1.0), ("round_trips_per_write", "==", 1.0),
]


def medians(runs):
    """runs: [{side: {op: figures}}], one a round → {side: {op: {figure: median}}}; `bad` is the sum."""
    sides = {side: {} for round_ in runs for side in round_}
    for side, ops in sides.items():
        for op in OPS:
            found = [round_[side][op] for round_ in runs if op in round_.get(side, {})]
            if found:
                ops[op] = {figure: statistics.median(run[figure] for run in found) for figure in FIGURES}
                ops[op]["bad"] = sum(run["bad"] for run in found)
    return sides


def ratios(runs):
    """{name: {"median", "min", "max"}} for each ratio whose two sides were there."""
    out = {}
    for name, (figure, op, side, against) in RATIOS.items():
        values = [round_[side][op][figure] / round_[against][op][figure] for round_ in runs
                  if op in round_.get(side, {}) and op in round_.get(against, {}) and round_[against][op][figure] > 0]
        if values:
            out[name] = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return out


def goals(spread, middle, round_trips):
    facts = {name: value["median"] for name, value in spread.items()}
    for op in ("point", "list"):
        if op in middle.get("bulkhead signed", {}):
            facts[f"{op}_server_us"] = middle["bulkhead signed"][op]["server_us"]
    facts.update({name: value for name, value in round_trips.items() if value is not None})
    holds = {"<=": lambda a, b: a <= b, ">=": lambda a, b: a >= b, "==": lambda a, b: a == b}
    return [{"name": name, "goal": f"{sign} {limit:g}", "measured": facts[name], "met": holds[sign](facts[name], limit)}
            for name, sign, limit in GOALS if name in facts]


def bar(value, most, width=24):
    return "█" * max(1, round(value / most * width)) if most > 0 and value > 0 else ""


def text(middle, spread, reached):
    lines = []
    for op in OPS:
        present = {side: ops[op] for side, ops in middle.items() if op in ops}
        if not present:
            continue
        most = max(figures["cpu_us"] for figures in present.values())
        lines += ["", f"{op:<18}{'rps':>9}{'p50 ms':>9}{'p99 ms':>9}{'server µs':>11}{'PG µs':>8}{'both µs':>9}{'PSS MB':>8}  CPU a request"]
        for side, f in present.items():
            bad = f"  {f['bad']:.0f} BAD ANSWERS" if f["bad"] else ""
            lines.append(f"  {side:<16}{f['rps']:>9,.0f}{f['p50_ms']:>9.2f}{f['p99_ms']:>9.2f}{f['server_us']:>11.1f}{f['pg_us']:>8.1f}"
                         f"{f['cpu_us']:>9.1f}{f['pss_mb']:>8.1f}  {bar(f['cpu_us'], most)}{bad}")
    if spread:
        lines += ["", f"{'ratio, by rounds':<32}{'median':>8}{'min':>8}{'max':>8}"]
        lines += [f"  {name:<30}{v['median']:>8.2f}{v['min']:>8.2f}{v['max']:>8.2f}" for name, v in spread.items()]
    if reached:
        lines += ["", f"{'goal':<32}{'wanted':>10}{'measured':>10}"]
        lines += [f"  {g['name']:<30}{g['goal']:>10}{g['measured']:>10.2f}  {'met' if g['met'] else 'MISSED'}" for g in reached]
    return "\n".join(lines)


def conclude(document, wanted, options, say):
    """Judges `wanted`, a list of (name, measured, "<=" or ">=", limit), tells it, and writes the document where `--json` says; the exit
    code."""
    document["goals"] = [{"name": name, "measured": value, "goal": f"{sign} {limit:g}",
                          "met": value <= limit if sign == "<=" else value >= limit} for name, value, sign, limit in wanted]
    print(f"{'goal':<26}{'wanted':>10}{'measured':>10}")
    for goal in document["goals"]:
        print(f"  {goal['name']:<24}{goal['goal']:>10}{goal['measured']:>10.2f}  {'met' if goal['met'] else 'MISSED'}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(document, indent=1) + "\n")
        say(f"wrote {options.json}")
    return 1 if options.strict and not all(goal["met"] for goal in document["goals"]) else 0
