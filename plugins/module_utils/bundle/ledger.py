# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What the other side is known to hold: by its own signed list, or by a ledger here that only its acknowledgement advances."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Dict, FrozenSet, List, Optional, Tuple, Union

from . import fsutil
from .errors import BundleError
from .have_list import HaveList
from .lock import Lock
from .manifest import is_count
from .store import Store

FORMAT = 1
_REMEMBERED = 100  # bundles of one name that nobody has acknowledged yet


@dataclass(frozen=True)
class Base:
    """What a delta builds on."""

    root: str
    version: int
    held: FrozenSet[str]
    lock: Optional[Lock] = None  # where it was made here, to tell what leaves


@dataclass(frozen=True)
class Sent:
    """One bundle that was made here."""

    root: str
    version: int
    lock: str  # sha256 of its lock, an object of the store


@dataclass(frozen=True)
class Ledger:
    """The bundles of one name, and the newest of them that arrived."""

    bundle: str
    acknowledged: str = ""
    sent: Tuple[Sent, ...] = ()

    @classmethod
    def read(cls, store: Store, bundle: str) -> Ledger:
        path = _path(store, bundle)
        if fsutil.size_of(path) is None:
            return cls(bundle)
        document = fsutil.load_object(fsutil.read_plain(path), path)
        try:
            sent = tuple(Sent(**row) for row in document["sent"])
            ledger = cls(document["bundle"], document["acknowledged"], sent)
            usable = document["format"] == FORMAT and ledger.bundle == bundle
            usable = usable and all(fsutil.is_sha256(row.root) and fsutil.is_sha256(row.lock) for row in sent)
            usable = usable and all(is_count(row.version) for row in sent)
            usable = usable and (ledger.acknowledged == "" or ledger.acknowledged in {row.root for row in sent})
        except (KeyError, TypeError) as error:
            raise BundleError(f"{path} is not a ledger of bundles: {error}.") from error
        if not usable:
            raise BundleError(f"{path} is not a ledger of bundles: a value in it is of the wrong kind.")
        return ledger

    def write(self, store: Store) -> bool:
        rows: List[Dict[str, Any]] = [asdict(row) for row in self.sent]
        document = {"format": FORMAT, "bundle": self.bundle, "acknowledged": self.acknowledged, "sent": rows}
        return fsutil.write_if_changed(_path(store, self.bundle), fsutil.dump_lines(document))

    def with_sent(self, sent: Sent) -> Ledger:
        """One bundle more. What is older than the acknowledged one is of no use any more."""
        known = self._find(self.acknowledged)
        rows = [row for row in self.sent if row.root != sent.root and (known is None or row.version >= known.version)]
        kept = sorted([*rows, sent], key=lambda row: (row.version, row.root))[-_REMEMBERED:]
        return replace(self, sent=tuple(kept if known is None or known in kept else [known, *kept[1:]]))

    def with_acknowledged(self, what: Union[str, HaveList]) -> Ledger:
        """The other side has it: told by the sha256 of its root, by its version, or by the depot's own signed list."""
        if isinstance(what, HaveList):
            if self.bundle not in what.bundles:
                raise BundleError(
                    f"The list of {what.depot} has no bundle {self.bundle}; nothing is acknowledged by it."
                )
            what = str(what.bundles[self.bundle]["root"])
        found = [row for row in self.sent if what in (row.root, str(row.version))]
        if len(found) != 1:
            raise BundleError(
                f"Cannot acknowledge {what!r}: {len(found)} bundles {self.bundle} of that root or version were made with "
                "this store. Give the sha256 of the root, as the depot tells it."
            )
        known = self._find(self.acknowledged)
        if known is not None and found[0].version < known.version:
            raise BundleError(
                f"Version {found[0].version} of {self.bundle} cannot be acknowledged any more, as version {known.version} was. "
                "If the other side went back, give its signed list as the base, or make a complete bundle."
            )
        return replace(self, acknowledged=found[0].root)

    def base(self, store: Store) -> Optional[Base]:
        """What was acknowledged last, all of it: a depot that took a delta in holds the whole."""
        sent = self._find(self.acknowledged)
        if sent is None:
            return None
        lock = _lock_of(store, sent)
        if lock is None:
            raise BundleError(
                f"The store {store.root} lost the lock of version {sent.version} of {self.bundle}, which the next bundle would "
                "build on. Give the depot's signed list as the base, or make a complete bundle."
            )
        return Base(sent.root, sent.version, frozenset(lock.objects()), lock)

    def lock_of(self, store: Store, root: str) -> Optional[Lock]:
        """The lock of a bundle that was made here."""
        sent = self._find(root)
        return _lock_of(store, sent) if sent is not None else None

    def _find(self, root: str) -> Optional[Sent]:
        return next((row for row in self.sent if row.root == root), None)


def base_of_list(held: HaveList, ledger: Ledger, store: Store) -> Optional[Base]:
    """From a depot's list. A depot that has no version of this bundle gets a complete one."""
    if ledger.bundle not in held.bundles:
        return None
    told = held.bundles[ledger.bundle]
    return Base(told["root"], told["version"], frozenset(held.objects), ledger.lock_of(store, told["root"]))


def _lock_of(store: Store, sent: Sent) -> Optional[Lock]:
    data = store.read(sent.lock)
    return Lock.parse(data, f"The lock of version {sent.version} in the store") if data is not None else None


def _path(store: Store, bundle: str) -> str:
    return store.state_path(f"bundle-{bundle}.json")
