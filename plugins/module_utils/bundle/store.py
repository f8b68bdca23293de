# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The content-addressed store: one copy of each object, under the name of its own sha256."""

from __future__ import annotations

import json
import os
from typing import Any, Callable, Dict, Iterable, Iterator, Optional, Set, TypeVar

from . import fsutil
from .errors import BundleError

T = TypeVar("T")


def object_path(sha256: str) -> str:
    """Where an object lies, relative to a store, a volume or a depot."""
    return f"objects/sha256/{sha256[:2]}/{sha256}"


class Store:
    """Objects, unfinished downloads beside them, and small state files. Nothing enters unverified."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._damaged: Set[str] = set()  # as check() found out

    def path(self, sha256: str) -> str:
        return os.path.join(self.root, object_path(sha256))

    def part(self, sha256: str) -> str:
        return os.path.join(self.root, "parts", f"{sha256}.part")

    def state_path(self, name: str) -> str:
        return os.path.join(self.root, "state", name)

    def recall(self, name: str, read: Callable[[Any], Dict[str, T]]) -> Dict[str, T]:
        """What an earlier run noted. Nothing where that is lost, or is not what read() takes: it can be learned again."""
        try:
            return read(json.loads(fsutil.read_plain(self.state_path(name))))
        except (BundleError, OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {}

    def note(self, name: str, document: Dict[str, Any]) -> bool:
        """Write down what the next run may recall. Returns whether that is news."""
        return fsutil.write_if_changed(self.state_path(name), fsutil.dump_lines(document))

    def has(self, sha256: str, size: int) -> bool:
        """By its name and size, as it was verified when it came in; unless check() found it damaged since."""
        return sha256 not in self._damaged and fsutil.size_of(self.path(sha256)) == size

    def check(self, names: Iterable[str]) -> None:
        """Hash these objects, as far as they are there. A damaged one counts as missing until it comes in again."""
        there = [sha256 for sha256 in sorted(names) if fsutil.size_of(self.path(sha256)) is not None]
        digests = fsutil.hash_all([self.path(sha256) for sha256 in there])
        damaged = {sha256 for sha256, digest in zip(there, digests) if digest != sha256}
        self._damaged = self._damaged.difference(there) | damaged

    def renewed(self, sha256: str) -> None:
        """It came in again, verified."""
        self._damaged.discard(sha256)

    def is_intact(self, sha256: str, size: int) -> bool:
        """Whether the object is there and still hashes to its name."""
        return self.has(sha256, size) and fsutil.sha256_file(self.path(sha256))[0] == sha256

    def add_bytes(self, data: bytes) -> str:
        sha256 = fsutil.sha256_bytes(data)
        if not self.has(sha256, len(data)):
            fsutil.write_atomic(self.path(sha256), data, mode=0o444)
            self.renewed(sha256)
        return sha256

    def add_file(self, source: str, *, sha256: str, size: int) -> bool:
        """Copy a file in, hashing on the way. Returns whether it was new."""
        if self.has(sha256, size):
            return False
        fsutil.make_directory(os.path.dirname(self.path(sha256)))
        fsutil.copy_verified(source, self.path(sha256), sha256=sha256, size=size)
        self.renewed(sha256)
        return True

    def adopt(self, part: str, sha256: str) -> None:
        """Take over a finished, verified download."""
        fsutil.make_directory(os.path.dirname(self.path(sha256)))
        os.chmod(part, 0o444)
        os.replace(part, self.path(sha256))
        self.renewed(sha256)

    def read(self, sha256: str) -> Optional[bytes]:
        if fsutil.size_of(self.path(sha256)) is None:
            return None
        data = fsutil.read_plain(self.path(sha256))
        return data if fsutil.sha256_bytes(data) == sha256 else None

    def names(self) -> Iterator[str]:
        """The sha256 of every object present."""
        base = os.path.join(self.root, "objects", "sha256")
        for prefix in sorted(os.listdir(base)) if os.path.isdir(base) else ():
            for name in sorted(os.listdir(os.path.join(base, prefix))):
                if fsutil.is_sha256(name):
                    yield name
