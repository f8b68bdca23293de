# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Pruning in two steps: a plan that names every generation and object to go, and the removal of exactly these."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Sequence, Set, Tuple

from . import fsutil
from .errors import BundleError
from .generations import Generations
from .lock import Lock
from .store import Store

FORMAT = 1


@dataclass(frozen=True)
class Plan:
    """What goes, what stays, and the state this was worked out for."""

    keep: int
    current: int
    kept: Tuple[int, ...]
    waiting: Tuple[str, ...]  # roots of bundles that are not complete yet, whose objects stay
    generations: Tuple[Dict[str, Any], ...]  # number, when it was published, versions of its bundles, bytes
    objects: Tuple[Tuple[str, int], ...]
    freed: int  # bytes, all together

    @property
    def numbers(self) -> List[int]:
        return [row["generation"] for row in self.generations]

    def dump(self) -> bytes:
        return fsutil.dump_lines({"format": FORMAT, **asdict(self)})

    @classmethod
    def read(cls, path: str) -> Plan:
        document = fsutil.load_object(fsutil.read_plain(path), path)
        try:
            if document.pop("format") != FORMAT:
                raise BundleError(f"{path} is not a plan of format {FORMAT}; let this version make a new one.")
            lists: Dict[str, Any] = {name: tuple(document.pop(name)) for name in ("kept", "waiting", "generations")}
            objects = tuple((sha256, size) for sha256, size in document.pop("objects"))
            plan = cls(objects=objects, **lists, **document)
            usable = all(isinstance(number, int) for number in plan.numbers)
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(f"{path} is not a plan for pruning a depot: {error!r}.") from error
        if not usable or not all(fsutil.is_sha256(sha256) for sha256, _size in objects):
            raise BundleError(f"{path} is not a plan for pruning a depot: it names what is no generation or object.")
        return plan


def make_plan(generations: Generations, store: Store, waiting: Dict[str, Lock], *, keep: int) -> Plan:
    """The newest stay, as many as are to be kept, with every object that one of them or a waiting bundle needs."""
    numbers = generations.numbers()
    old, kept = numbers[:-keep], numbers[-keep:]
    needed: Set[str] = {sha256 for lock in waiting.values() for sha256 in lock.objects()}
    for number in kept:
        for held in generations.held(number).values():
            needed |= set(held.lock.objects())
    objects = [(sha256, fsutil.size_of(store.path(sha256)) or 0) for sha256 in store.names() if sha256 not in needed]
    rows = [_told(generations, number) for number in old]
    return Plan(
        keep=keep,
        current=generations.current(),
        kept=tuple(kept),
        waiting=tuple(sorted(waiting)),
        generations=tuple(rows),
        objects=tuple(objects),
        freed=sum(size for _sha256, size in objects) + sum(row["bytes"] for row in rows),
    )


def _told(generations: Generations, number: int) -> Dict[str, Any]:
    manifest = generations.manifest(number)
    return {
        "generation": number,
        "published": manifest["published"],
        "bundles": {name: facts["version"] for name, facts in sorted(manifest["bundles"].items())},
        "bytes": _own_bytes(generations.path(number)),
    }


def _own_bytes(path: str) -> int:
    """Of files that have no name outside: indexes and signatures. What links to the store is counted as an object."""
    found: Dict[int, Tuple[int, int]] = {}  # size, and how many names are not accounted for, by inode
    for folder, _folders, names in os.walk(path):
        for name in names:
            told = os.lstat(os.path.join(folder, name))
            found[told.st_ino] = (told.st_size, found.get(told.st_ino, (0, told.st_nlink))[1] - 1)
    return sum(size for size, elsewhere in found.values() if elsewhere == 0)


def check_plan(plan: Plan, now: Plan) -> Plan:
    """What of a plan is left to do. A plan for another state than the present one is refused; one half done is not."""
    state = (plan.current, plan.kept, plan.waiting)
    more = (set(now.numbers) - set(plan.numbers)) or (set(now.objects) - set(plan.objects))
    if state != (now.current, now.kept, now.waiting) or more:
        raise BundleError(
            f"The depot has changed since the plan was made for generation {plan.current}: it has generation {now.current} "
            f"published, {_listed(now.kept)} to keep, {_listed(now.numbers)} and {len(now.objects)} objects to remove. "
            "Nothing was removed; make a new plan and review it."
        )
    return now


def _listed(numbers: Sequence[int]) -> str:
    return f"generation {', '.join(map(str, numbers))}" if numbers else "no generation"


def carry_out(plan: Plan, generations: Generations, store: Store) -> None:
    """Generations first: an object is only removed when no generation that could be asked for needs it."""
    for number in plan.numbers:
        generations.remove(number)
    for sha256, _size in plan.objects:
        fsutil.remove(store.path(sha256))
    for place in ("objects", "parts"):
        for folder, _folders, names in os.walk(os.path.join(store.root, place)):
            for name in names:
                if name.endswith((".new", ".part")):  # what a killed run was in the middle of
                    fsutil.remove(os.path.join(folder, name))
