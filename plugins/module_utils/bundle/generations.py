# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The generations of a depot: numbered directories, and a link to the one that is published, which is always the newest."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import Any, Dict, List, Optional

from . import fsutil
from .depot_tree import Held, documents_of
from .errors import BundleError
from .lock import Lock

FORMAT = 1
CURRENT = "current"
MANIFEST = "manifest.json"


class Generations:
    """What was published and is kept. Nothing in a generation changes, but for the page for people."""

    def __init__(self, root: str) -> None:
        self.link = os.path.join(root, CURRENT)
        self.directory = os.path.join(root, "generations")
        self.building = os.path.join(self.directory, ".building")
        self._record = os.path.join(self.directory, ".newest")
        self._removing = os.path.join(self.directory, ".removing")

    def path(self, number: int) -> str:
        return os.path.join(self.directory, str(number))

    def current(self) -> int:
        """The number of the published one; 0 when nothing is."""
        if not os.path.lexists(self.link):
            return 0
        name = os.path.basename(os.readlink(self.link)) if os.path.islink(self.link) else ""
        if not name.isdigit():
            raise BundleError(
                f"{self.link} does not lead to a generation; it is a link the depot makes and nobody else."
            )
        return int(name)

    def numbers(self) -> List[int]:
        """Of those that were published, oldest first. A number past the current one is what a killed run left."""
        names = os.listdir(self.directory) if os.path.isdir(self.directory) else []
        return sorted(int(name) for name in names if name.isdigit() and int(name) <= self.current())

    def manifest(self, number: int) -> Dict[str, Any]:
        """What a generation says of itself; what an empty depot would say for number 0."""
        if number == 0:
            return {"generation": 0, "bundles": {}, "key": ""}
        path = os.path.join(self.path(number), MANIFEST)
        document = fsutil.load_object(fsutil.read_plain(path), path)
        if document.get("format") != FORMAT:
            raise BundleError(f"{path} is not of format {FORMAT}, the only one this version reads.")
        return document

    def held(self, number: int) -> Dict[str, Held]:
        """The bundles a generation is made of."""
        held = {}
        for name, facts in self.manifest(number)["bundles"].items():
            documents = documents_of(os.path.join(self.path(number), "bundles", name))
            lock = Lock.parse(documents["lock.json"], f"The lock of {name} in generation {number}")
            held[name] = Held(lock, facts, documents)
        return held

    def earlier(self, wanted: Optional[int]) -> int:
        """The one to go back to: as asked, or the newest that is made of other bundles than the current one."""
        current, numbers = self.current(), self.numbers()
        if wanted is not None and wanted not in numbers:
            kept = ", ".join(map(str, numbers)) or "none"
            raise BundleError(f"Generation {wanted} is not in the depot any more, or never was; kept are: {kept}.")
        manifest = self.manifest(current)
        if wanted is not None or "restores" in manifest:  # the latter: rolled back already, and nothing came since
            return current if wanted is None else wanted
        others = [number for number in numbers if roots_of(self.manifest(number)) != roots_of(manifest)]
        if not others:
            raise BundleError("There is nothing to roll back to: the depot keeps no generation of other bundles.")
        return others[-1]

    def tidy(self) -> None:
        """Remove what a killed run left half built or half removed; nothing points to it, or ever did."""
        current, newest = self.current(), self._newest()
        if newest > current and os.path.isdir(self.path(newest)):
            raise BundleError(
                f"{self.link} leads to {f'generation {current}' if current else 'no generation'}, but {newest} was published "
                f"after that. Let it lead there again (ln -sfn generations/{newest} {self.link}), and go back with state=rolled_back."
            )
        names = os.listdir(self.directory) if os.path.isdir(self.directory) else []
        for name in names:
            path = os.path.join(self.directory, name)
            if path in (self.building, self._removing) or (name.isdigit() and int(name) > max(current, newest)):
                shutil.rmtree(path)
        if current > newest:
            self._write_down(current)

    def _newest(self) -> int:
        """The highest number ever published, as it was written down: a link may be turned back by hand."""
        if fsutil.size_of(self._record) is None:
            return 0
        text = fsutil.read_plain(self._record, limit=64).strip()
        return int(text) if text.isdigit() else 0

    def _write_down(self, number: int) -> None:
        """After the switch, so it may fail: a full disk must not keep a run from pruning. The next run does it again."""
        with contextlib.suppress(BundleError):
            fsutil.write_atomic(self._record, f"{number}\n".encode())

    def switch(self, number: int) -> None:
        """Give what was built its number, and let the link lead to it, by one rename."""
        os.rename(self.building, self.path(number))
        fresh = f"{self.link}.new"
        fsutil.remove(fresh)
        os.symlink(os.path.join("generations", str(number)), fresh)
        os.replace(fresh, self.link)
        self._write_down(number)

    def remove(self, number: int) -> None:
        """Renamed first, so that no half-removed generation bears a number."""
        os.rename(self.path(number), self._removing)
        shutil.rmtree(self._removing)


def roots_of(manifest: Dict[str, Any]) -> Dict[str, str]:
    """What decides whether two generations are the same: the signed root of every bundle."""
    return {name: facts["root"] for name, facts in manifest["bundles"].items()}
