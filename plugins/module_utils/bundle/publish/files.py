# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Single files of a depot, and their checksums signed by it."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

from ..depot_tree import Held, Tree, told_item
from ..errors import BundleError
from ..kinds import PLACED
from ..lock import Item

SUMS = "SHA256SUMS"


def publish(tree: Tree, bundles: Sequence[Held]) -> Dict[str, Any]:
    """Every file at its place. Two bundles may bring the same file, but not two for one place."""
    files: Dict[str, Item] = {}
    for item in (item for held in bundles for item in held.lock.items):
        if PLACED.get(item.kind) == "files" and files.setdefault(item.destination, item).sha256 != item.sha256:
            raise BundleError(f"Two bundles bring different files for files/{item.destination}; change one BOM.")
    ordered = [files[destination] for destination in sorted(files)]
    for item in ordered:
        tree.link(item, f"files/{item.destination}")
    tree.write_signed(SUMS, "".join(f"{item.sha256}  files/{item.destination}\n" for item in ordered).encode())
    return {"files": told(ordered)}


def told(items: Sequence[Item]) -> List[Dict[str, Any]]:
    """Files of a depot as playbooks and people want them; the path is below the depot's URL."""
    return [{**told_item(item), "kind": item.kind} for item in items if PLACED.get(item.kind) == "files"]
