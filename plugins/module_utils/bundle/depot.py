# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The depot: verified bundles become a generation that is proven, published beside the last one and switched to by one rename."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from . import fsutil
from .arrival import Arrival, is_older, refuse_rollback
from .changes import compare, summary
from .depot_page import render_page, sections
from .depot_tree import Held
from .errors import BundleError, told_plainly
from .feed import OtherDepot
from .generation import Maker, Publisher
from .generations import CURRENT, Generations, roots_of
from .intake import Copied, Intake
from .medium import Terms
from .openpgp import Keyring, SigningKey
from .prune import Plan, carry_out, check_plan, make_plan
from .publish import apt, charts, collections, files, images, rpm, wheels
from .store import Store
from .waiting import Awaited

# What each kind of source publishes; a new kind is one more function here.
PUBLISHERS: Tuple[Publisher, ...] = (
    apt.publish,
    rpm.publish,
    files.publish,
    images.publish,
    charts.publish,
    wheels.publish,
    collections.publish,
)


@dataclass
class DepotResult:
    """What publishing came to, or with check would come to."""

    changed: bool
    generation: int
    path: str
    key: str
    objects_copied: int
    bytes_copied: int
    bundles: Dict[str, Any]
    repositories: List[str]
    files: List[Dict[str, Any]]
    incomplete: List[Dict[str, Any]] = field(default_factory=list)
    contents: Dict[str, Any] = field(default_factory=dict)
    proofs: List[Dict[str, Any]] = field(default_factory=list)
    changes: List[Dict[str, Any]] = field(default_factory=list)
    before: str = ""
    after: str = ""
    removed_generations: List[int] = field(default_factory=list)
    removed_bytes: int = 0


class Depot:
    """A root directory with a store, generations, and a symbolic link to the current one."""

    def __init__(
        self,
        root: str,
        *,
        key: Optional[SigningKey],
        title: str = "Mattermost depot",
        keep: int = 2,
        prove: str = "auto",
        verify: bool = False,
    ) -> None:
        self.root = root
        self.key = key
        self.title = title
        self.keep = keep
        self.verify = verify
        self._prune_due = os.path.join(root, ".prune-due")
        self._mend_due = os.path.join(root, ".mend-due")
        self.store = Store(os.path.join(root, "store"))
        self.generations = Generations(root)
        self.intake = Intake(root, self.store)
        self.maker = Maker(self.generations, self.store, key, title, prove, PUBLISHERS)

    @contextlib.contextmanager
    def _alone(self, check: bool) -> Iterator[None]:
        """One run at a time; what a killed one left is cleared away first."""
        with contextlib.ExitStack() as stack:
            if not check:
                stack.enter_context(fsutil.exclusive(os.path.join(self.root, ".lock")))
                self.generations.tidy()
            yield

    @told_plainly
    def publish(
        self,
        media: Sequence[str],
        keyring: Keyring,
        *,
        now: float,
        allow_expired: bool = False,
        required_signers: int = 1,
        other: Optional[OtherDepot] = None,
        check: bool = False,
    ) -> DepotResult:
        """Verify what media and another depot bring, take in what the store lacks, make a generation if that is news."""
        terms = Terms(keyring, now, allow_expired, required_signers)
        with self._alone(check):
            self._look()
            current = self.generations.current()
            manifest, held = self.generations.manifest(current), self.generations.held(current)
            arrived = self.intake.arrivals(media, other, terms, held)
            arrived, older, wanted = self._sift(arrived, held, manifest.get("seen", {}))
            found = self.intake.sort(arrived, held)
            if not arrived and not held and not found.awaited:
                raise BundleError(f"The depot {self.root} holds nothing yet, and no media are given.")
            bundles = {**held, **{arrival.name: _taken(arrival, held) for arrival in found.ready}}
            self.intake.take_in(bundles, [*arrived, *older], check=True)  # fails where that cannot be mended
            damaged = self._is_damaged(held, check)
            copied = self.intake.take_in(bundles, [*arrived, *older], check=check)
            copied.news = copied.news or damaged
            left = self.intake.lacking(bundles)
            more = self.intake.mend(older, {one: wanted[one] for one in wanted if one not in left}, check=check)
            more.add(self.intake.take_in_part(found.part, check=check))
            result = self._result(manifest, held, bundles, copied)
            self._finish(result, bundles, found.awaited, now=now, check=check)
        result.objects_copied += more.objects
        result.bytes_copied += more.bytes
        result.changed = result.changed or more.news
        return result

    @told_plainly
    def roll_back(self, number: Optional[int], *, now: float, check: bool = False) -> DepotResult:
        """Publish what an earlier generation was made of, as a new one: to clients time only goes forward."""
        with self._alone(check):
            self._look()
            current, target = self.generations.current(), self.generations.earlier(number)
            manifest, held = self.generations.manifest(current), self.generations.held(current)
            same = roots_of(self.generations.manifest(target)) == roots_of(manifest)
            bundles = held if same else self.generations.held(target)
            self.intake.take_in(bundles, [], check=check)
            result = self._result(manifest, held, bundles, Copied())
            awaited = self.intake.sort([], held).awaited
            self._finish(result, bundles, awaited, now=now, check=check, restores=target)
        return result

    @told_plainly
    def plan(self, path: str, *, check: bool = False) -> Tuple[bool, Plan]:
        """Write down what pruning would remove, for somebody to review."""
        with self._alone(check):
            plan = self._plan(self.keep)
            if check:
                return not fsutil.has_content(path, plan.dump()), plan
            return fsutil.write_if_changed(path, plan.dump()), plan

    @told_plainly
    def prune(self, path: str, *, check: bool = False) -> Tuple[bool, Plan]:
        """Remove exactly what a plan names, unless the depot has changed since it was made."""
        with self._alone(check):
            written = Plan.read(path)
            plan = check_plan(written, self._plan(written.keep))
            if not check:
                carry_out(plan, self.generations, self.store)
            return bool(plan.numbers or plan.objects), plan

    def _look(self) -> None:
        """Where that is asked for, believe no object of the store before it is hashed again."""
        if self.verify:
            self.store.check(self.store.names())

    def _sift(
        self, arrived: Sequence[Arrival], held: Mapping[str, Held], seen: Mapping[str, Any]
    ) -> Tuple[List[Arrival], List[Arrival], Dict[str, int]]:
        """What may be published, and older bundles that bring what a generation lacks that is kept, which is all they are for."""
        wanted: Dict[str, int] = {}
        if any(is_older(arrival, held, seen) for arrival in arrived):
            for number in self.generations.numbers():
                wanted.update(self.intake.lacking(self.generations.held(number)))
        older = [one for one in arrived if is_older(one, held, seen) and wanted.keys() & one.whole]
        fresh = [one for one in arrived if one not in older]
        for arrival in fresh:
            refuse_rollback(arrival, held, seen)
        return fresh, older, wanted

    def _is_damaged(self, held: Mapping[str, Held], check: bool) -> bool:
        """Whether objects of what is published are not whole, by this run or by one that was killed before it mended that."""
        lacking = bool(self.intake.lacking(held))
        if lacking and not check:
            fsutil.write_atomic(self._mend_due, b"")
        return lacking or os.path.exists(self._mend_due)

    def _plan(self, keep: int) -> Plan:
        if keep < 1:
            raise BundleError("Say how many generations are to be kept, the published one included: at least 1.")
        waiting = {one.root_sha256: one.lock for one in self.intake.waiting.read().values()}
        return make_plan(self.generations, self.store, waiting, keep=keep)

    def _result(
        self, current: Dict[str, Any], held: Dict[str, Held], bundles: Dict[str, Held], copied: Copied
    ) -> DepotResult:
        fingerprint = self.key.fingerprint if self.key is not None else ""
        told = {name: bundle.facts for name, bundle in sorted(bundles.items())}
        rekeyed = self.key is not None and fingerprint != current["key"]
        renamed = self.title != current.get("title")
        changed = told != current["bundles"] or ((rekeyed or renamed) and bool(bundles)) or copied.news
        changes = []
        for name, bundle in sorted(bundles.items()):
            before = held[name].lock if name in held else None
            changes += [{"bundle": name, **change.told()} for change in compare(before, bundle.lock)]
        return DepotResult(
            changed=changed,
            generation=current["generation"] + changed,
            path=os.path.join(self.root, CURRENT),
            key=fingerprint,
            objects_copied=copied.objects,
            bytes_copied=copied.bytes,
            bundles=told,
            repositories=sorted({group.name for bundle in bundles.values() for group in bundle.lock.repositories}),
            files=files.told([item for _name, bundle in sorted(bundles.items()) for item in bundle.lock.items]),
            contents=sections(current),
            proofs=current.get("proofs", []),
            changes=changes,
            before="".join(summary(bundle.lock) for _name, bundle in sorted(held.items())),
            after="".join(summary(bundle.lock) for _name, bundle in sorted(bundles.items())),
        )

    def _finish(
        self,
        result: DepotResult,
        bundles: Mapping[str, Held],
        awaited: Mapping[str, Awaited],
        *,
        now: float,
        check: bool,
        restores: Optional[int] = None,
    ) -> None:
        """Switch if there is news, tell what is missing, and remove what is too old."""
        result.incomplete = self.intake.waiting.told(list(awaited.values()))
        if check:
            return
        if result.changed:
            fsutil.write_atomic(self._prune_due, b"")
            document = self.maker.make(
                result.generation,
                bundles,
                now=now,
                restores=restores,
                waiting=result.incomplete,
                anew=os.path.exists(self._mend_due),
            )
            fsutil.remove(self._mend_due)
            result.bundles, result.contents, result.proofs = document["bundles"], sections(document), document["proofs"]
        else:
            self._show(result.incomplete)
        self.intake.forget(awaited)
        if os.path.exists(self._prune_due):
            self._prune_old(result)

    def _prune_old(self, result: DepotResult) -> None:
        """What publishing pushed out, in this run or in one that was killed on the way."""
        if self.keep > 0:
            plan = self._plan(self.keep)
            carry_out(plan, self.generations, self.store)
            result.removed_generations, result.removed_bytes = plan.numbers, plan.freed
        fsutil.remove(self._prune_due)

    def _show(self, incomplete: Sequence[Dict[str, Any]]) -> None:
        """What is not published is on the page too: the one file of a generation that is ever renewed."""
        current = self.generations.current()
        if current:
            page = render_page(self.title, self.generations.manifest(current), incomplete)
            fsutil.write_if_changed(os.path.join(self.generations.path(current), "index.html"), page.encode())


def _taken(arrival: Arrival, held: Mapping[str, Held]) -> Held:
    """What arrived; or what is here already, unless more people have signed it by now."""
    fresh, known = arrival.held(), held.get(arrival.name)
    if known is None or known.facts["root"] != arrival.root_sha256:
        return fresh
    if set(arrival.signers) > set(known.facts["signers"]):
        return Held(fresh.lock, {**fresh.facts, "since": known.facts["since"]}, fresh.documents)
    return known
