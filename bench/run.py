"""The benchmarks: revoker against the real kingfisher, on the same machine, in the same run.

    python bench/run.py [--reps 5] [--only verify ingest ...] [--out docs/benchmarks.md]

Every figure is a whole process's: wall clock, processor time, peak memory (wait4), and what the server counted.
The runs are interleaved, so that drift of the machine hits all alike; medians are printed. Loopback only: where the
system allows it, everything runs in a network namespace that has nothing else.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import data
import measure
from measure import Cost, Counters, counters, serving

KEYS = 5_000
DELAY = 50  # ms
REVOKER = [sys.executable, "-m", "revoker"]
KINGFISHER_JOBS = {"kingfisher, defaults": None, "kingfisher -j 64": 64, "kingfisher -j 256": 256}

Row = tuple[Cost, Counters]


def main() -> None:
    asked = arguments()
    work = Path(tempfile.mkdtemp(prefix="revoker-bench-"))
    try:
        install_provider(work)
        server = measure.compile_server(work)
        alone = measure.cut_off()
        cases = {"verify": verify, "retry": retry, "ingest": ingest, "start": start}
        pages = [cases[name](work, server, asked.reps) for name in cases if name in asked.only]
        text = "\n".join([head(asked, alone=alone), *pages])
        print(text)
        if asked.out:
            Path(asked.out).write_text(text)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="revoker's benchmarks")
    parser.add_argument("--reps", type=int, default=5, help="repetitions of the fast cases (default 5)")
    parser.add_argument("--only", nargs="*", default=["verify", "retry", "ingest", "start"])
    parser.add_argument(
        "--out", default=str(Path(__file__).parent.parent / "docs" / "benchmarks.md"), help="the page to write; '' for none"
    )
    return parser.parse_args()


def install_provider(work: Path) -> None:
    """Install bench/provider beside the environment, as any third party's provider would be."""
    source = work / "provider"
    shutil.copytree(measure.HERE / "provider", source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(work / "site"), str(source)], check=True)


def kingfisher() -> Path:
    """The real program, without its launcher in Python."""
    spec = importlib.util.find_spec("kingfisher")
    if spec is None or spec.origin is None:
        sys.exit("kingfisher-bin is not installed: make bench does it")
    return Path(spec.origin).parent / "bin" / "kingfisher"


def ours(*command: str, cwd: Path, good: Sequence[int] = (0, 10, 11)) -> Cost:
    """One revoker command in a workspace."""
    paths = [str(cwd.parent / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {"PYTHONPATH": os.pathsep.join(paths), "REVOKER_CONFIG": str(cwd / "revoker.toml")}
    return measure.run([*REVOKER, *command], cwd=cwd, env=env, good=good)


def workspace(work: Path, name: str, port: int) -> Path:
    """A folder with its own configuration and store."""
    folder = work / name
    folder.mkdir(mode=0o700)
    (folder / "revoker.toml").write_text(
        'providers = ["bench"]\n[network]\nallow = ["127.0.0.1/32"]\n[ownership]\nassume = true\n'
        f'[endpoints]\nbench = "http://127.0.0.1:{port}"\n'
    )
    return folder


def verify(work: Path, server: Path, reps: int) -> str:
    """5,000 credentials at 50 ms: ours at its defaults, the peer at three settings; then ours again."""
    values = data.tokens("rvb", KEYS)
    tree = data.write_list(work / "tree" / "tokens.txt", values).parent
    report = data.write_csv(work / "tokens.csv", values)
    rows: dict[str, list[Row]] = {name: [] for name in ("revoker verify, defaults", "revoker verify again", *KINGFISHER_JOBS)}
    with serving(server, DELAY) as port:
        rules = work / "rules.yml"
        rules.write_text((measure.HERE / "kingfisher.yml").read_text().replace("PORT", str(port)))
        for rep in range(reps):
            folder = workspace(work, f"verify-{rep}", port)
            ours("ingest", str(report), cwd=folder)
            counters(port)
            for name in ("revoker verify, defaults", "revoker verify again"):
                rows[name].append((ours("verify", cwd=folder), counters(port)))
            for name, jobs in KINGFISHER_JOBS.items():
                if jobs is None and rep:
                    continue  # more than two minutes: one run tells it
                rows[name].append((theirs(work, rules, tree, jobs), counters(port)))
            shutil.rmtree(folder)
    ceiling = server_ceiling(work, server, tree)
    title = f"\n## Verify {KEYS:,} unique credentials, {DELAY} ms a request\n\n"
    return title + table(rows, against="revoker verify, defaults") + ceiling


def server_ceiling(work: Path, server: Path, tree: Path) -> str:
    """How fast the server answers when it does not wait: what it could give at the most."""
    with serving(server, 0) as port:
        rules = work / "rules-0.yml"
        rules.write_text((measure.HERE / "kingfisher.yml").read_text().replace("PORT", str(port)))
        theirs(work, rules, tree, 64)
        seen = counters(port)
    return f"\nThe server's ceiling, seen with kingfisher -j 64 at 0 ms: {seen.requests / max(seen.seconds, 0.001):,.0f} requests/s.\n"


def theirs(work: Path, rules: Path, tree: Path, jobs: int | None, *more: str) -> Cost:
    """One validating scan of the peer; it asks about each token it finds."""
    argv = [
        kingfisher(),
        "scan",
        tree,
        "--no-update-check",
        "--allow-internal-ips",
        "--load-builtins=false",
        "--rules-path",
        rules,
    ]
    argv += ["--format", "jsonl", "-o", work / "kingfisher.jsonl", *(["-j", str(jobs)] if jobs else []), *more]
    return measure.run(argv, cwd=work, good=(0, 200, 205))


def table(rows: dict[str, list[Row]], against: str) -> str:
    """Medians, and each wall time against ours."""
    base = statistics.median(cost.wall for cost, _ in rows[against])
    lines = [
        "| | runs | wall s | times ours | cpu s | peak MiB | requests | unique | most in flight | live | dead |",
        "|---" * 11 + "|",
    ]
    for name, runs in rows.items():
        wall, cpu, rss = (statistics.median(getattr(cost, field) for cost, _ in runs) for field in ("wall", "cpu", "rss"))
        seen = runs[-1][1]
        most = max(count.most_in_flight for _, count in runs)
        lines.append(
            f"| {name} | {len(runs)} | {wall:.2f} | {wall / base:.2f} | {cpu:.2f} | {rss:.0f} "
            f"| {seen.requests:,} | {seen.unique:,} | {most} | {seen.live:,} | {seen.dead:,} |"
        )
    return "\n".join(lines) + "\n"


def retry(work: Path, server: Path, _reps: int) -> str:
    """60 keys at a provider that allows 2 requests a second: with the limit declared, and learned from its 429s."""
    lines = ["| | wall s | requests | answered | busiest second | 429 seen | live | dead | unknown |", "|---" * 9 + "|"]
    with serving(server, 0, 2) as port:
        for title, prefix in (
            ("revoker, budget of 2/s declared", "rvs"),
            ("revoker, learns it from 429 with Retry-After", "rvl"),
        ):
            folder = workspace(work, f"retry-{prefix}", port)
            values = data.tokens(prefix, 60, live_share=1.0)
            ours("ingest", str(data.write_csv(work / f"{prefix}.csv", values)), cwd=folder)
            cost = ours("verify", cwd=folder)
            seen = counters(port)
            counts = json.loads(ours("status", "--json", cwd=folder).out)["counts"]
            told = " | ".join(str(counts.get(name, 0)) for name in ("live", "dead", "unknown"))
            lines.append(
                f"| {title} | {cost.wall:.1f} | {seen.requests} | {seen.live + seen.dead} | {seen.busiest_second} | {seen.limited} | {told} |"
            )
            time.sleep(2)
        for jobs in (2, 64):
            tree = data.write_list(work / f"slow-{jobs}" / "tokens.txt", data.tokens("rvs", 60, live_share=1.0)).parent
            rules = work / "rules-slow.yml"
            rules.write_text((measure.HERE / "kingfisher.yml").read_text().replace("PORT", str(port)))
            cost = theirs(work, rules, tree, jobs, "--validation-rps", "2")
            seen, told = counters(port), outcomes(work / "kingfisher.jsonl")
            lines.append(
                f"| kingfisher -j {jobs} --validation-rps 2 | {cost.wall:.1f} | {seen.requests} | {seen.live + seen.dead} "
                f"| {seen.busiest_second} | {seen.limited} | {told[0]} | {told[1]} | {told[2]} |"
            )
            time.sleep(2)
    return "\n## 60 credentials, 2 requests a second allowed, all live\n\n" + "\n".join(lines) + "\n"


def outcomes(report: Path) -> tuple[int, int, int]:
    """The peer's verdicts: active, inactive, neither."""
    found = [
        json.loads(line)["finding"]["validation"]["outcome"] for line in report.read_text().splitlines() if '"finding"' in line
    ]
    live, dead = found.count("verified_active"), found.count("verified_inactive")
    return live, dead, len(found) - live - dead


def ingest(work: Path, _server: Path, _reps: int) -> str:
    """A million TruffleHog findings, nine of ten of them duplicates; then the store of 100,000 that they make."""
    report = data.trufflehog(work / "trufflehog.jsonl", 1_000_000, 100_000)
    folder = workspace(work, "ingest", 1)
    lines = ["| | wall s | cpu s | peak MiB | |", "|---|---|---|---|---|"]

    def row(title: str, cost: Cost, note: str = "") -> None:
        lines.append(f"| {title} | {cost.wall:.2f} | {cost.cpu:.2f} | {cost.rss:.0f} | {note} |")

    cost = ours("ingest", str(report), "--json", cwd=folder)
    read = json.loads(cost.out)
    row(
        "revoker ingest",
        cost,
        f"{read['findings']:,} findings, {read['credentials']:,} credentials, {report.stat().st_size / 2**20:.0f} MiB read",
    )
    report.unlink()
    (folder / "revoker.toml").write_text("")  # nothing is declared as owned: the plan asks nobody
    row("revoker status", ours("status", cwd=folder), "of the 100,000 credentials")
    row(
        "revoker plan",
        ours("plan", "--json", cwd=folder, good=(0, 2, 10, 11, 12)),
        "the same store; all are unverified, so none is chosen",
    )
    return "\n## Ingest of 1,000,000 findings, 90 % duplicates, and the store that they make\n\n" + "\n".join(lines) + "\n"


def start(work: Path, _server: Path, reps: int) -> str:
    """Start-up: help, and status of a small store."""
    folder = workspace(work, "start", 1)
    ours("ingest", str(data.write_csv(work / "few.csv", data.tokens("rvb", 5))), cwd=folder)
    (folder / "revoker.toml").write_text("")
    lines = ["| | runs | wall s | cpu s | peak MiB |", "|---|---|---|---|---|"]
    for command in (["--help"], ["status"], ["providers"]):
        costs = [ours(*command, cwd=folder) for _ in range(max(reps, 5))]
        wall, cpu, rss = (statistics.median(getattr(cost, field) for cost in costs) for field in ("wall", "cpu", "rss"))
        lines.append(f"| revoker {' '.join(command)} | {len(costs)} | {wall:.2f} | {cpu:.2f} | {rss:.0f} |")
    return "\n## Start-up\n\n" + "\n".join(lines) + "\n"


def head(asked: argparse.Namespace, *, alone: bool) -> str:
    version = subprocess.run([kingfisher(), "--version"], capture_output=True, text=True, check=False).stdout.strip()
    command = (
        "python bench/run.py"
        + (f" --reps {asked.reps}" if asked.reps != 5 else "")
        + (" --only " + " ".join(asked.only) if len(asked.only) < 4 else "")
    )
    where = "a network namespace with loopback only" if alone else "the machine's own network, loopback addresses only"
    return (
        "# Benchmarks\n\n"
        f"Made by `{command}` (`make bench`) on {time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores, {platform.system()} "
        f"{platform.machine()}, Python {platform.python_version()}; the peer is {version or 'kingfisher'}. Everything ran in {where}.\n"
        "Figures are whole processes, medians of the runs named; `times ours` is the wall time divided by ours.\n"
        "The server (bench/server.c) is not the bottleneck: its ceiling is measured below.\n"
    )


if __name__ == "__main__":
    main()
