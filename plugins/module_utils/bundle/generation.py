# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The making of one generation: filled by the publishers, proven, described, and only then given its number."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Any, Callable, Dict, Mapping, Optional, Sequence

from . import fsutil
from .depot_page import render_page, sections
from .depot_tree import KEY_FILE, Held, Tree
from .errors import BundleError
from .generations import FORMAT, MANIFEST, Generations
from .lock import stamp
from .openpgp import SigningKey
from .prove import prove
from .store import Store

Publisher = Callable[[Tree, Sequence[Held]], Dict[str, Any]]
# What makes a row of one manifest the same thing as a row of another.
_IDENTITY = ("name", "path", "version", "release", "architecture", "sha256", "digest")


@dataclass(frozen=True)
class Maker:
    """All it takes besides the bundles."""

    generations: Generations
    store: Store
    key: Optional[SigningKey]
    title: str
    proving: str  # auto, always or never
    publishers: Sequence[Publisher]

    def make(
        self,
        number: int,
        bundles: Mapping[str, Held],
        *,
        now: float,
        restores: Optional[int],
        waiting: Sequence[Dict[str, Any]],
        anew: bool = False,
    ) -> Dict[str, Any]:
        """Build beside what is published, prove it, switch to it. Returns its manifest. A failure leaves nothing but objects."""
        if self.key is None:
            raise BundleError("A depot signs what it publishes: give it a signing key.")
        earlier = self.generations.manifest(self.generations.current())
        document = {
            "format": FORMAT,
            "generation": number,
            "published": stamp(now),
            "title": self.title,
            "key": self.key.fingerprint,
            "seen": _seen(earlier, bundles),
            "bundles": _bundles(earlier, bundles, stamp(now)),
            **({} if restores is None else {"restores": restores}),
        }
        held = [bundle for _name, bundle in sorted(bundles.items())]
        try:
            self._fill(self._tree(self.key, earlier, held, anew), held, document, waiting)
        except BaseException:
            shutil.rmtree(self.generations.building, ignore_errors=True)
            raise
        self.generations.switch(number)
        return document

    def _tree(self, key: SigningKey, earlier: Dict[str, Any], bundles: Sequence[Held], anew: bool) -> Tree:
        current = self.generations.current()
        moment = max(held.lock.created_at for held in bundles)
        previous = self.generations.path(current) if current else None
        place = self.generations.building
        return Tree(place, self.store, key, moment, previous, earlier, anew=anew)

    def _fill(
        self, tree: Tree, bundles: Sequence[Held], document: Dict[str, Any], waiting: Sequence[Dict[str, Any]]
    ) -> None:
        """Everything the bundles amount to, with the documents they came with, a page for people and a list for programs."""
        tree.write(KEY_FILE, tree.key.public_key())
        for publish in self.publishers:
            for section, rows in publish(tree, bundles).items():
                document[section] = [*document.get(section, []), *rows] if isinstance(rows, list) else rows
        for held in bundles:
            place = f"bundles/{held.lock.name}"
            if not tree.reuse(place, {name: fsutil.sha256_bytes(data) for name, data in held.documents.items()}):
                for name, data in held.documents.items():
                    tree.write(f"{place}/{name}", data)
        _say_since_when(document, tree.earlier)
        document["inputs"] = tree.inputs
        document["proofs"] = prove(tree, bundles, mode=self.proving)
        tree.write("index.html", render_page(self.title, document, waiting).encode())
        tree.write_signed(MANIFEST, fsutil.dump_lines(document))


def _seen(earlier: Mapping[str, Any], bundles: Mapping[str, Held]) -> Dict[str, Any]:
    """The highest version of each bundle that was ever published here, which no rollback of the depot lowers."""
    seen = dict(earlier.get("seen", {}))
    for name, held in bundles.items():
        if held.facts["version"] >= seen.get(name, {"version": 0})["version"]:
            seen[name] = {"version": held.facts["version"], "root": held.facts["root"]}
    return seen


def _bundles(earlier: Mapping[str, Any], bundles: Mapping[str, Held], published: str) -> Dict[str, Any]:
    told = {}
    for name, held in sorted(bundles.items()):
        before = earlier["bundles"].get(name, {})
        same = before.get("root") == held.facts["root"]
        told[name] = {**held.facts, "since": before["since"] if same else published}
    return told


def _say_since_when(document: Dict[str, Any], earlier: Mapping[str, Any]) -> None:
    """Each row gets the time of the first generation that has had it without a break."""
    before = {
        (section, *(str(row.get(key, "")) for key in _IDENTITY)): row["since"]
        for section, rows in sections(earlier).items()
        for row in rows
        if "since" in row
    }
    for section, rows in sections(document).items():
        for row in rows:
            where = (section, *(str(row.get(key, "")) for key in _IDENTITY))
            row["since"] = before.get(where, document["published"])
