# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The sources of the packages of a depot's apt repository, for apt-get source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Sequence

from .. import aptrepo
from ..depot_tree import Held, Tree
from ..errors import BundleError
from ..lock import Item


@dataclass
class Sources:
    """What one repository has of them: files by their name, and what upstream says of each package."""

    files: Dict[str, Item] = field(default_factory=dict)
    blocks: List[str] = field(default_factory=list)

    def told(self) -> List[object]:
        """All that its index is made of."""
        return [sorted([name, item.sha256] for name, item in self.files.items()), sorted(self.blocks)]

    def write(self, tree: Tree, base: str) -> bytes:
        """Put the files into their place, and return the index of them."""
        for name, item in self.files.items():
            tree.link(item, f"{base}/{aptrepo.SOURCE_POOL}/{name}")
        return aptrepo.render_sources(sorted(self.blocks))


def collect(tree: Tree, bundles: Sequence[Held]) -> Dict[str, Sources]:
    """Of all bundles, by the name of the repository."""
    found: Dict[str, Sources] = {}
    for lock in (held.lock for held in bundles):
        for repository in lock.repositories:
            if repository.kind == "apt_source":
                sources = found.setdefault(repository.name, Sources())
                blocks = aptrepo.read_sources(lock, repository, tree.store.read(repository.stanzas) or b"")
                sources.blocks += [block for block in blocks if block not in sources.blocks]
                for item in lock.items_of(repository):
                    other = sources.files.setdefault(item.name, item)
                    if other.sha256 != item.sha256:
                        raise BundleError(f"Two bundles bring different sources as {item.name} for {repository.name}.")
    return found
