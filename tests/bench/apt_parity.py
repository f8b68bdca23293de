# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Does the engine's closure name what apt would install? Asked for random packages of this machine's own Debian sources.

    PYTHONPATH=$FIELDOPS_COLLECTIONS python tests/bench/apt_parity.py --work /var/tmp/parity [--packages 300] [--seed 1]

Both are given the same target, mostly an empty one, and the same suites, fetched at the same moment. Every difference is printed with its reason,
as far as a program can tell it: what one has and the other has not, and who asked for it.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, List, Tuple

from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.boms.apt import AptItem
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.fetch import Client
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.apt import AptResolver
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.apt_host import Host
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.apt_judge import Apt
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.store import Store
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.workspace import Workspace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", required=True, help="directory for indexes, kept between runs")
    parser.add_argument("--packages", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--release", default="bookworm")
    parser.add_argument("--architecture", default="amd64")
    parser.add_argument("--recommends", action="store_true")
    parser.add_argument("--installed", help="a dpkg status, such as /var/lib/dpkg/status, instead of an empty target")
    parser.add_argument("names", nargs="*", help="these packages instead of random ones")
    given = parser.parse_args()
    bench = Bench(given)
    names = given.names or bench.sample(given.packages, given.seed)
    with ThreadPoolExecutor(2) as pool:
        theirs = list(pool.map(bench.ask_apt, names))
    ours = [bench.ask_engine(name) for name in names]
    report(bench, names, theirs, ours)


class Bench:
    """The engine and apt, each with the same suites."""

    def __init__(self, given: argparse.Namespace) -> None:
        installed = (given.installed,) if given.installed else ()
        self.item = AptItem(
            "parity",
            given.release,
            given.architecture,
            ("x",),
            recommends=given.recommends,
            carry_indexes=False,
            installed=installed,
        )
        workspace = Workspace(Store(os.path.join(given.work, "store")), client=Client(), now=time.time())
        self.source = AptResolver(self.item, workspace, Host())
        self.layers = self.source.opened.layers
        workspace.finish()
        self.seconds = 0.0
        lines = [
            f"deb [signed-by={','.join(s.source.signed_by)}] {s.source.uri} {s.release.suite} {' '.join(s.source.components)}"
            for s in self.source.suites
        ]
        root = tempfile.mkdtemp(prefix="apt-", dir=given.work)
        status = Path(given.installed).read_text() if given.installed else ""
        self.apt = Apt(
            root,
            sources="\n".join(lines) + "\n",
            architecture=given.architecture,
            recommends=given.recommends,
            status=status,
        )
        self.apt.update()

    def sample(self, count: int, seed: int) -> List[str]:
        names = sorted({name for layer in self.layers for name in layer.index.names()})
        candidates = self.source.resolver().candidates
        here = [name for name in names if candidates.get(name) is not None]  # not what is there and up to date
        return random.Random(seed).sample(here, count)

    def ask_apt(self, name: str) -> Tuple[Dict[str, str], str]:
        return self.apt.install([name])

    def ask_engine(self, name: str) -> Tuple[Dict[str, str], str]:
        start = time.perf_counter()
        try:
            chosen = self.source.resolver().resolve([name])
        except BundleError as error:
            return {}, str(error)
        finally:
            self.seconds += time.perf_counter() - start
        return {package: found.version for package, found in chosen.items()}, ""


def report(
    bench: Bench, names: List[str], theirs: List[Tuple[Dict[str, str], str]], ours: List[Tuple[Dict[str, str], str]]
) -> None:
    same = neither = 0
    for name, (apt, refusal), (engine, error) in zip(names, theirs, ours):
        if apt == engine and bool(refusal) == bool(error):
            same += 1
            neither += bool(refusal)
            continue
        print(f"\n{name}: apt {len(apt)} packages, the engine {len(engine)}")
        for text, said in (("apt refuses", refusal), ("the engine refuses", error)):
            if said:
                print(f"  {text}: {said}")
        if apt and engine:
            explain(bench, name, apt, engine)
    print(
        f"\n{len(names)} packages: {same} the same ({neither} of them installable for neither), {len(names) - same} differ "
        f"({100 * (len(names) - same) / len(names):.1f} %). The engine took {1000 * bench.seconds / len(names):.1f} ms for each."
    )


def explain(bench: Bench, name: str, apt: Dict[str, str], engine: Dict[str, str]) -> None:
    resolver = bench.source.resolver()
    resolver.resolve([name])
    for package in sorted(set(engine) - set(apt)):
        print(f"  only the engine has {package}: {' -> '.join(resolver.chain(package))}")
    for package in sorted(set(apt) - set(engine)):
        owners = [
            f"{owner} ({' | '.join(map(str, group))})"
            for owner in sorted(apt)
            for found in [resolver.candidates.get(owner)]
            if found is not None
            for group in found.relations("Pre-Depends", "Depends", *(["Recommends"] if bench.item.recommends else []))
            if any(relation.name == package or stands_in(resolver, package, relation.name) for relation in group)
        ]
        print(f"  only apt has {package}: {'; '.join(owners)}")
    for package in sorted(set(apt) & set(engine)):
        if apt[package] != engine[package]:
            print(f"  {package}: apt takes {apt[package]}, the engine {engine[package]}")


def stands_in(resolver: object, package: str, name: str) -> bool:
    found = resolver.candidates.get(package)  # type: ignore[attr-defined]
    return found is not None and any(virtual == name for virtual, _version in found.provides())


if __name__ == "__main__":
    main()
