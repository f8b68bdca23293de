# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Measure how this collection's engine grows. A benchmark, not a test.

. tools/env && PYTHONPATH=$FIELDOPS_COLLECTIONS python tests/bench/growth.py [--runs 3] [--gigabytes 1 10 50] [--work FOLDER] [--output docs]

Three questions: what a closure of fourteen times the packages costs, what a bundle costs that is taken into a depot as it gets
larger (its size is needed free on the disk, twice), and what a playbook costs whose bundle finds nothing new.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

sys.path.insert(0, str(Path(__file__).resolve().parent))

from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import SigningKey
from measure import Cost, measured
from mirror import DELAY_MS, served
from mirror_images import middle
from mirror_upstream import ARCHITECTURE, PACKAGES, RELEASE, Archive, Frozen, PrivateApt, field, freeze, write_suite
from pages import machine, markdown_table, put

HERE = Path(__file__).resolve().parent
# Desktops, an office and all of TeX: what of a suite can be installed beside each other.
SUITE = (*PACKAGES, "gnome", "kde-full", "lxqt", "xfce4", "libreoffice", "texlive-full", "science-all")
STAND_IN_KB = 20  # what each package weighs here: what they contain is not asked, and all of them would be 6 GB
OBJECT_MB = 500


def thinned(upstream: Frozen, work: Path) -> Tuple[Path, int]:
    """The same indexes with small packages in place of the real ones, and how many the large closure has."""
    apt = PrivateApt(work / "apt")
    wanted = set(apt.closure(SUITE))
    root = work / "suite"
    shutil.rmtree(root, ignore_errors=True)
    for archive in apt.sources:
        for suite in archive.suites:
            text, told = apt.index(suite)
            base = root / "cur" / archive.name
            stanzas = [_thin(stanza, base) if _key(stanza) in wanted else stanza for stanza in text.split("\n\n")]
            write_suite(base / "dists" / suite, "\n\n".join(stanzas), told, upstream.key)
    return root, len(wanted)


def _key(stanza: str) -> Tuple[str, str]:
    return field(stanza, "Package"), field(stanza, "Version")


def _thin(stanza: str, base: Path) -> str:
    data = random.Random(stanza).randbytes(STAND_IN_KB * 1000)
    target = base / field(stanza, "Filename")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    values = {"Size": len(data), "MD5sum": hashlib.md5(data).hexdigest(), "SHA256": hashlib.sha256(data).hexdigest()}
    for name, value in values.items():
        stanza = re.sub(rf"^{name}: .*$", f"{name}: {value}", stanza, flags=re.MULTILINE)
    return stanza


def bom(packages: Sequence[str], archives: Sequence[Archive], url: str, key: SigningKey) -> Dict[str, Any]:
    sources = [
        {
            "uri": f"{url}/cur/{archive.name}",
            "suites": list(archive.suites),
            "components": ["main"],
            "signed_by": key.public_key().decode(),
        }
        for archive in archives
    ]
    apt = {"name": "debian-12", "release": RELEASE, "architecture": ARCHITECTURE, "packages": list(packages)}
    return {"name": "bench", "apt": [{**apt, "sources": sources}]}


def closures(upstream: Frozen, url: str, work: Path, runs: int) -> Dict[str, List[Cost]]:
    """The small and the large closure, each from nothing."""
    found: Dict[str, List[Cost]] = {"small": [], "large": []}
    for _number in range(runs):
        for name, packages in (("small", PACKAGES), ("large", SUITE)):
            folder = work / f"tools/growth-{name}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            (folder / "bom.json").write_text(json.dumps(bom(packages, upstream.archives, url, upstream.key)))
            command = f"{sys.executable} {HERE}/mirror_engine.py {folder} {work}/publisher"
            found[name].append(measured(command, work / f"logs/growth-{name}.log"))
            print(f"{name} closure: {found[name][-1]}", flush=True)
    return found


def imported(gigabytes: int, work: Path) -> Cost:
    """A bundle of files that are empty but for their first bytes: they weigh nothing on the disk until they are taken in."""
    folder = work / "tools/growth-import"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    files = []
    for number in range(gigabytes * 1000 // OBJECT_MB):
        path = folder / f"data/{number}"
        with path.open("wb") as handle:
            handle.write(b"%d" % number)
            handle.truncate(OBJECT_MB * 1_000_000)
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        files.append({"name": f"file-{number}", "url": str(path), "sha256": digest, "destination": f"bench/{number}"})
    (folder / "bom.json").write_text(json.dumps({"name": "bench", "files": files}))
    logs = work / "logs"
    measured(f"{sys.executable} {HERE}/mirror_engine.py {folder} {work}/publisher", logs / "growth-pack.log")
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size == OBJECT_MB * 1_000_000:
            subprocess.run(["fallocate", "--dig-holes", str(path)], check=True)
    bundles = folder / "bundles"
    command = (
        f"{sys.executable} {HERE}/growth_import.py {bundles} {bundles}/bundle-key.asc {folder}/depot {work}/publisher"
    )
    cost = measured(command, logs / "growth-import.log")
    shutil.rmtree(folder)
    print(f"{gigabytes} GB taken in: {cost}", flush=True)
    return cost


def playbooks(upstream: Frozen, url: str, work: Path, runs: int) -> Dict[str, List[Cost]]:
    """A play of one task that says something; plays of one of the modules that finds nothing new; and the playbook of both."""
    folder = work / "tools/growth-playbook"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    wanted = bom(PACKAGES, upstream.archives, url, upstream.key)
    (folder / "bom.yml").write_text(json.dumps(wanted))
    store, lock, home = f"{folder}/store", f"{folder}/store/bundles/bench.lock.json", f"{work}/publisher"
    values = {"bundle_bom": f"{folder}/bom.yml", "bundle_store": store, "bundle_gnupghome": home}
    (folder / "values.json").write_text(json.dumps(values))
    tasks = {
        "a word": {"ansible.builtin.debug": {"msg": "started"}},
        "bundle_lock": {"fieldops.mattermost.bundle_lock": {"bom": [wanted], "path": lock, "store": store}},
        "bundle": {
            "fieldops.mattermost.bundle": {
                "lock": lock,
                "store": store,
                "output": f"{store}/bundles",
                "gnupghome": home,
            }
        },
    }
    commands = {}
    for name, task in tasks.items():
        play = folder / f"{name.replace(' ', '-')}.yml"
        play.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
        commands[name] = f"ansible-playbook {play}"
    commands["playbook"] = f"ansible-playbook -e @{folder}/values.json fieldops.mattermost.bundle"
    measured(commands["playbook"], work / "logs/growth-playbook-first.log")
    found: Dict[str, List[Cost]] = {name: [] for name in commands}
    for _number in range(runs):
        for name, command in commands.items():
            log = work / f"logs/growth-playbook-{name.replace(' ', '-')}.log"
            found[name].append(measured(command, log))
            if re.search(r"changed=[1-9]", log.read_text()):
                raise SystemExit(f"{command} has changed something; its output: {log}")
            print(f"play of {name}: {found[name][-1]}", flush=True)
    return found


def told(numbers: Dict[str, Any]) -> str:
    """The numbers as the page has them."""
    small, large = (numbers["closures"][name] for name in ("small", "large"))
    packages = numbers["packages"]
    rows = [
        [
            f"closure of {packages[name]:,} packages",
            f"{cost['seconds']:.2f}",
            f"{cost['cpu_seconds']:.2f}",
            f"{cost['memory_mb']:.0f}",
        ]
        for name, cost in numbers["closures"].items()
    ]
    factor = [f"{large[name] / small[name]:.1f} x" for name in ("seconds", "cpu_seconds", "memory_mb")]
    rows.append([f"{packages['large'] / packages['small']:.1f} x the packages", *factor])
    rows += [
        [f"import of {size} GB", f"{cost['seconds']:.2f}", f"{cost['cpu_seconds']:.2f}", f"{cost['memory_mb']:.0f}"]
        for size, cost in numbers["imports"].items()
    ]
    start = numbers["playbooks"]["a word"]["seconds"]
    plays = ", ".join(
        f"{name} {cost['seconds'] - start:.2f} s" for name, cost in numbers["playbooks"].items() if name != "a word"
    )
    return "\n\n".join(
        [
            f"Measured on {machine()}, the middle of {numbers['runs']} runs; imports once.",
            markdown_table(["", "s", "CPU s", "MB of memory"], rows),
            f"A play that says one word takes {start:.2f} s. What a play takes more that finds nothing new for {packages['small']} packages: {plays}.",
        ]
    )


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("--runs", type=int, default=3)
    given.add_argument("--gigabytes", type=int, nargs="*", default=[1, 10, 50])
    given.add_argument("--work", type=Path, help="keep the frozen upstream here, for the next run")
    given.add_argument("--output", type=Path, help="the folder of docs whose page gets the numbers")
    options = given.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="bench-growth-", dir="/var/tmp"))
    (work / "logs").mkdir(parents=True, exist_ok=True)
    os.environ["ANSIBLE_FORCE_COLOR"] = "false"
    upstream = freeze(work)
    SigningKey.obtain(str(work / "publisher"), "", create_as="Bench publisher <publisher@example.com>")
    root, many = thinned(upstream, work)
    with served(root) as url:
        found = closures(upstream, url, work, options.runs)
        plays = playbooks(upstream, url, work, options.runs)
    numbers = {
        "runs": options.runs,
        "delay_ms": DELAY_MS,
        "packages": {"small": len(upstream.names), "large": many},
        "closures": {name: asdict(middle(costs)) for name, costs in found.items()},
        "playbooks": {name: asdict(middle(costs)) for name, costs in plays.items()},
        "imports": {size: asdict(imported(size, work)) for size in options.gigabytes},
    }
    print(text := told(numbers))
    if options.output:
        put(options.output / "comparison.md", text, "growth")
    if not options.work:
        shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
