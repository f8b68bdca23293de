# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Measure this collection's engine beside what a user would pick instead. A benchmark, not a test.

. tools/env && PYTHONPATH=$FIELDOPS_COLLECTIONS python tests/bench/mirror.py [--runs 3] [--only NAME ...] [--output docs]

Needs the Debian packages aptly, debmirror, reprepro, skopeo, docker-registry and apt-utils; what is absent is left out and said;
apt-mirror2 comes from PyPI. All in one run on one machine, against a frozen local upstream with real indexes and 20 ms to first byte.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parent))

import mirror_page
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import SigningKey, dearmor
from measure import Cost, measured
from mirror_images import VERIFIED_MB, compare_images, compare_verification, middle, told
from mirror_tools import TOOLS, Place, Tool
from mirror_upstream import Frozen, freeze
from serving import free_port, serving

DELAY_MS = 20
PROGRAMS = {
    "aptly (skip-contents)": "aptly",
    "debmirror": "debmirror",
    "reprepro": "reprepro",
    "apt, curl x8, apt-ftparchive": "apt-ftparchive",
}
CASES = ("cold", "unchanged", "one changed")


@dataclass(frozen=True)
class Row:
    """One tool in one case: the median of its runs by wall time."""

    tool: str
    case: str
    cost: Cost
    wall: List[float]


@contextmanager
def served(root: Path) -> Iterator[str]:
    """The upstream behind a web server of its own, so that its work is not counted."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [sys.executable, str(Path(__file__).parent / "mirror_web.py"), str(root), str(port), str(DELAY_MS)]
    with serving(argv, f"{url}/__reset"):
        yield url


def counted(url: str, cost: Cost) -> Cost:
    """With what the server was asked for meanwhile."""
    requests, size = urllib.request.urlopen(f"{url}/__reset", timeout=5).read().split()
    return Cost(cost.seconds, cost.cpu_seconds, cost.memory_mb, int(requests), int(size) / 1e6)


def stock(tool: Tool, place: Place, logs: Path) -> None:
    """Let a tool ask for what it wants until all of it is there: aptly resolves each suite alone, and wants other versions."""
    for _round in range(5):
        for state in ("v1", "v2"):
            _begin(tool, place)
            place.upstream.serve(state)
            measured(tool.first(place), logs / f"{place.folder.name}-stock.log", may_fail=True)
        missing = urllib.request.urlopen(f"{place.url}/__missing", timeout=5).read().decode().splitlines()
        if not place.upstream.stock(missing):
            return


def _begin(tool: Tool, place: Place) -> None:
    shutil.rmtree(place.folder, ignore_errors=True)
    place.folder.mkdir(parents=True)
    place.upstream.serve("v1")
    tool.prepare(place)


def run_tool(tool: Tool, place: Place, logs: Path) -> Dict[str, Cost]:
    """One round: from nothing, once more, and after one package changed."""
    _begin(tool, place)
    urllib.request.urlopen(f"{place.url}/__reset", timeout=5).read()
    found = {}
    for case, script in zip(CASES, (tool.first, tool.again, tool.again)):
        if case == "one changed":
            place.upstream.serve("v2")
        log = logs / f"{place.folder.name}-{case.replace(' ', '-')}.log"
        found[case] = counted(place.url, measured(script(place), log))
    return found


def compare(upstream: Frozen, work: Path, runs: int, only: Sequence[str]) -> List[Row]:
    """Every tool, round by round, so that a busy minute hits all alike."""
    home = work / "publisher"
    signer, _made = SigningKey.obtain(str(home), "", create_as="Bench publisher <publisher@example.com>")
    assert signer is not None
    keyring = work / "archive.gpg"
    keyring.write_bytes(dearmor(upstream.key.public_key(), what="the archive's key"))
    keyring.with_suffix(".asc").write_bytes(upstream.key.public_key())
    for trusted in (str(home), str(Path.home() / ".gnupg")):  # reprepro looks into the home it signs from
        os.makedirs(trusted, mode=0o700, exist_ok=True)
    subprocess.run(["gpg", "--homedir", str(home), "--batch", "--quiet", "--import", str(keyring)], check=True)
    tools = [tool for tool in TOOLS if _wanted(tool, only)]
    found: Dict[tuple[str, str], List[Cost]] = {}
    logs = work / "logs"
    logs.mkdir(exist_ok=True)
    with served(upstream.root) as url:
        places = {}
        for tool in tools:
            folder = work / "tools" / tool.name.split()[0].strip(",")
            place = places[tool.name] = Place(folder, url, upstream, keyring, home, signer.fingerprint)
            stock(tool, place, logs)
        for number in range(runs):
            for tool in tools:
                for case, cost in run_tool(tool, places[tool.name], logs).items():
                    found.setdefault((tool.name, case), []).append(cost)
                    print(f"round {number + 1}: {tool.name:<30} {case:<12} {_line(cost)}", flush=True)
    rows = []
    for (tool_name, case), costs in found.items():
        middle = sorted(costs, key=lambda cost: cost.seconds)[len(costs) // 2]
        rows.append(Row(tool_name, case, middle, [round(cost.seconds, 2) for cost in costs]))
    return rows


def _wanted(tool: Tool, only: Sequence[str]) -> bool:
    if only and not any(tool.name.startswith(name) for name in (*only, "fieldops")):
        return False
    program = PROGRAMS.get(tool.name)
    if program and not shutil.which(program):
        print(f"left out: {tool.name}, as {program} is not installed here")
        return False
    return True


def _line(cost: Cost) -> str:
    return (
        f"{cost.seconds:7.2f} s  {cost.cpu_seconds:7.2f} s CPU  {cost.memory_mb:6.0f} MB  "
        f"{cost.fetched_mb:7.1f} MB fetched  {cost.requests:4d} requests"
    )


def ratios(rows: Sequence[Row]) -> List[str]:
    """How many times more each tool takes than this collection."""
    own = {row.case: row.cost for row in rows if row.tool.startswith("fieldops")}
    lines = []
    for row in rows:
        if not row.tool.startswith("fieldops"):
            mine = own[row.case]
            fetched = f"{mine.fetched_mb / row.cost.fetched_mb:5.2f} of its bytes" if row.cost.fetched_mb > 1 else ""
            lines.append(
                f"{row.tool:<30} {row.case:<12} {row.cost.seconds / mine.seconds:6.1f} x the time, "
                f"{row.cost.cpu_seconds / mine.cpu_seconds:6.1f} x the CPU, memory {mine.memory_mb / row.cost.memory_mb:5.2f} of it  {fetched}"
            )
    return lines


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("--runs", type=int, default=3)
    given.add_argument("--only", nargs="*", default=[], help="tools by the start of their names")
    given.add_argument("--work", type=Path, help="keep the frozen upstream here, for the next run")
    given.add_argument("--numbers", type=Path, help="write what was measured, as JSON")
    given.add_argument("--output", type=Path, help="the folder of docs whose page gets the numbers and the plot")
    options = given.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="bench-mirror-", dir="/var/tmp"))
    work.mkdir(parents=True, exist_ok=True)
    upstream = freeze(work)
    print(f"{len(upstream.names)} packages in the closure, as apt resolves it", flush=True)
    rows = compare(upstream, work, options.runs, options.only)
    print("\n".join(["", *ratios(rows)]))
    spread = statistics.median(max(row.wall) / min(row.wall) for row in rows)
    print(f"\nmedian spread of the runs of a case: {spread:.2f}")
    images = compare_images(work, work / "publisher", options.runs)
    verified = compare_verification(work, work / "publisher", options.runs)
    print("\n".join(["", *told(images, verified)]))
    numbers = {
        "runs": options.runs,
        "mirrors": [asdict(row) for row in rows],
        "images": {
            tool: {case: asdict(middle(costs)) for case, costs in cases.items()} for tool, cases in images.items()
        },
        "verification": {name: asdict(middle(costs)) for name, costs in verified.items()},
    }
    if options.numbers:
        options.numbers.write_text(json.dumps(numbers, indent=1) + "\n")
    if options.output:
        mirror_page.put(options.output, numbers, VERIFIED_MB)
    if not options.work:
        shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
