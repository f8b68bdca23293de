# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""From a bill of materials to a lock: ask every source what upstream has, and write only what is news."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from typing import Iterator, List, Optional, Protocol, Sequence, Tuple

from . import fsutil, key_expiry, licences, policy
from .bom import Bom
from .changes import Change, compare
from .errors import BundleError, told_plainly
from .fetch import Client
from .lock import Lock, evidence_path, stamp
from .sources import mattermost
from .sources.apt import AptResolver
from .sources.apt_host import Host
from .store import Store
from .workspace import Resolved, Workspace

_UNPROVED = (
    "Nobody proved that the apt packages of this lock can be installed, as this machine has no apt-get. Make it where there is "
    "one, have the depot ask apt, or set prove to never if that is as it should be."
)


class SourceResolver(Protocol):
    """What every kind of source can do; a new kind is one more class and one more line in source_resolvers()."""

    def survey(self) -> List[str]:
        """What upstream looks like now, at the price of a conditional request. The same again means nothing to do."""

    def resolve(self) -> Resolved:
        """Exact items, and the evidence for them."""


def source_resolvers(bom: Bom, workspace: Workspace, host: Host) -> List[SourceResolver]:
    """What a BOM does not ask for is not loaded: it would be most of what a run costs that finds nothing new."""
    found: List[SourceResolver] = [AptResolver(item, workspace, host, bom.rules) for item in bom.apt]
    if bom.rpm:
        from .sources.rpm import RpmResolver

        found += [RpmResolver(item, workspace) for item in bom.rpm]
    if bom.images or bom.charts:
        from .sources.chart import container_resolvers

        found += container_resolvers(bom.images, bom.charts, workspace)
    if bom.files:
        from .sources.file import FileResolver

        found += [FileResolver(item, workspace) for item in bom.files]
    if bom.wheels:
        from .sources.wheels import WheelsResolver

        found += [WheelsResolver(item, workspace) for item in bom.wheels]
    if bom.collections:
        from .sources.collections import collection_resolvers

        found += collection_resolvers(bom.collections, workspace)
    return found


@dataclass(frozen=True)
class LockResult:
    """What making the lock came to."""

    changed: bool
    lock: Lock
    before: Optional[Lock]
    changes: Sequence[Change]
    warnings: Sequence[str]
    bytes_missing: int  # of its objects, the store does not hold yet
    proved: Sequence[str] = ()  # what programs such as apt said that they would do with it


@told_plainly
def make_lock(
    bom: Bom,
    *,
    path: str,
    store: str,
    client: Optional[Client] = None,
    host: Optional[Host] = None,
    now: Optional[float] = None,
    check: bool = False,
    prove: str = "auto",
) -> LockResult:
    """Resolve the BOM and write the lock if its answer changed. With check nothing is written anywhere.

    To prove is to ask apt itself before the lock is written: auto where it is at hand, or always, or never.
    """
    home = Store(store)
    with contextlib.ExitStack() as stack:
        scratch = None
        if check:
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="fieldops-bundle-"))
        else:
            stack.enter_context(fsutil.exclusive(os.path.join(store, ".lock")))
        workspace = Workspace(home, client=client or Client(), now=now or time.time(), scratch=scratch)
        result = _Maker(bom, path, workspace, host or Host(), prove).make()
        workspace.finish()
    return result


class _Maker:
    def __init__(self, bom: Bom, path: str, workspace: Workspace, host: Host, prove: str) -> None:
        self.bom = bom
        self.path = path
        self.prove = prove
        self.workspace = workspace
        self.resolvers = source_resolvers(bom, workspace, host)
        self.request = fsutil.sha256_bytes(repr(asdict(bom)).encode())

    def make(self) -> LockResult:
        before = self._before()
        answer = fsutil.sha256_bytes("\n".join(self._survey()).encode())
        if before is not None and self._is_settled(before, answer):
            return self._result(before, before, False, [])
        resolved = [resolver.resolve() for resolver in self.resolvers]
        lock = self._kept_within(self._assemble(resolved, before))
        mattermost.check(lock)
        warnings = [warning for part in resolved for warning in part.warnings]
        if before is not None and self._is_still_good(before, lock):
            self._remember(before, answer)
            return self._result(before, before, False, warnings)
        proved, unproved = self._proved(resolved)
        if not self.workspace.checking:
            self._write(lock)
        self._remember(lock, answer)
        return replace(self._result(lock, before, True, [*warnings, *unproved]), proved=proved)

    def _kept_within(self, lock: Lock) -> Lock:
        """The lock as far as policy allows it."""
        rules = self.bom.rules
        by_licence = licences.forbidden(lock, rules.must_not_license)
        reasons = {**by_licence, **policy.forbidden(lock, rules.must_not_contain)}
        if not reasons:
            return lock
        if not rules.withholds:
            raise BundleError(policy.refusal(lock, reasons))
        lock, fresh = policy.withhold(lock, reasons, self.workspace.read)
        for data in fresh:
            self.workspace.keep(data)
        return lock

    def _proved(self, resolved: Sequence[Resolved]) -> Tuple[List[str], List[str]]:
        """What was said to the lock, and the warning where nobody was at hand to say anything."""
        proofs = [proof for part in resolved for proof in part.proofs] if self.prove != "never" else []
        answers = [proof.run() for proof in proofs]
        silent = None in answers
        if silent and self.prove == "always":
            raise BundleError("apt is to prove the lock (prove: always), but this machine has no apt-get.")
        return [answer for answer in answers if answer is not None], [_UNPROVED] if silent else []

    def _is_still_good(self, before: Lock, lock: Lock) -> bool:
        return _says_the_same(before, lock) and not self._is_ageing(before) and self._has_evidence(before)

    def _survey(self) -> Iterator[str]:
        yield self.request
        for resolver in self.resolvers:
            yield from resolver.survey()

    def _before(self) -> Optional[Lock]:
        if fsutil.size_of(self.path) is None:
            return None
        lock = Lock.read(self.path)
        if lock.name != self.bom.name:
            raise BundleError(f"{self.path} is the lock of {lock.name!r}, not of {self.bom.name!r}; give another path.")
        return lock

    def _is_settled(self, before: Lock, answer: str) -> bool:
        """Whether this very question was answered by this very lock, with all its evidence still beside it."""
        memory = self.workspace.memory.get(f"lock {self.bom.name}", {})
        return (
            memory == {"answer": answer, "lock": fsutil.sha256_bytes(before.dump())}
            and not self._is_ageing(before)
            and self._has_evidence(before)
        )

    def _has_evidence(self, lock: Lock) -> bool:
        return all(fsutil.size_of(evidence_path(self.path, piece.sha256)) == piece.size for piece in lock.kept_beside())

    def _remember(self, lock: Lock, answer: str) -> None:
        memory = {"answer": answer, "lock": fsutil.sha256_bytes(lock.dump())}
        self.workspace.memory[f"lock {self.bom.name}"] = memory

    def _is_ageing(self, lock: Lock) -> bool:
        """Half of its life is over: a new date is worth a new lock, or bundles made from it would expire early."""
        return self.workspace.now > (lock.created_at + lock.expires_at) / 2

    def _assemble(self, resolved: Sequence[Resolved], before: Optional[Lock]) -> Lock:
        now = self.workspace.now
        counter = int(time.strftime("%Y%m%d%H%M%S", time.gmtime(now)))
        pieces = {(piece.sha256, piece.group): piece for part in resolved for piece in part.evidence}
        return Lock(
            name=self.bom.name,
            description=self.bom.description,
            version=max(counter, before.version + 1 if before else 1),
            created=stamp(now),
            expires_days=self.bom.expires_days,
            request=self.request,
            repositories=tuple(repository for part in resolved for repository in part.repositories),
            evidence=tuple(
                sorted(pieces.values(), key=lambda piece: (piece.group, piece.kind, piece.url, piece.sha256))
            ),
            items=tuple(sorted((item for part in resolved for item in part.items), key=lambda item: item.key)),
            withheld=tuple(row for part in resolved for row in part.withheld),
            policy=self.bom.rules.told(),
        )

    def _write(self, lock: Lock) -> None:
        """Evidence first, then the lock that names it, then what no lock names any more is removed."""
        wanted = {piece.sha256 for piece in lock.kept_beside()}
        for sha256 in wanted:
            fsutil.write_if_changed(evidence_path(self.path, sha256), self.workspace.recall(sha256))
        fsutil.write_atomic(self.path, lock.dump())
        for name in os.listdir(f"{self.path}.evidence") if wanted else ():
            if name not in wanted:
                os.unlink(evidence_path(self.path, name))

    def _result(self, lock: Lock, before: Optional[Lock], changed: bool, warnings: Sequence[str]) -> LockResult:
        held = self.workspace.store.has
        missing = sum(size for sha256, (size, _url) in lock.objects().items() if not held(sha256, size))
        told = [*warnings, *(row.told()["text"] for row in lock.withheld), *licences.unjudged(lock)]
        told += [*mattermost.warnings(lock), *key_expiry.warnings(lock, self.workspace.now)]
        return LockResult(changed, lock, before, compare(before, lock), told, missing)


def _says_the_same(first: Lock, second: Lock) -> bool:
    """Whether only the proof is newer. Then the older lock stays: its proof is as good, and nothing has to be carried."""

    def told(lock: Lock) -> Lock:
        return replace(
            lock, version=1, created="", evidence=(), items=tuple(replace(item, proof="") for item in lock.items)
        )

    return told(first) == told(second)
