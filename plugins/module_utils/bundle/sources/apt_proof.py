# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The proof of a closure: apt itself resolves it, from what the lock names and nothing else, on the target as it is known."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence

from .. import aptrepo, fsutil
from ..boms.apt import AptItem
from ..errors import BundleError
from .apt_index import Package
from .apt_installed import status_of
from .apt_judge import Apt, is_at_hand


@dataclass(frozen=True)
class Proof:
    """What apt is asked: whether all that the BOM names can be installed."""

    item: AptItem
    wanted: Sequence[str]
    stanzas: bytes
    excluded: Sequence[Package]
    installed: Sequence[Package]

    def run(self) -> Optional[str]:
        """In words what apt would do. Each name has to be installable; that all are on one host is more than a depot promises."""
        if not is_at_hand():
            return None
        with tempfile.TemporaryDirectory(prefix="fieldops-apt-") as root:
            apt = self._apt(root)
            would = _Judge(self.item.name, apt).install(list(self.wanted)) if self.wanted else {}
        target = f"a target with {len(self.installed)} packages" if self.installed else "an empty target"
        return f"{self.item.name}: apt installs {len(would)} packages on {target}."

    def status(self) -> str:
        """What the closure leaves out because targets have it; empty when it leaves out nothing."""
        there = [_without_needs(package) for package in self.excluded] + list(self.installed)
        return status_of(there, architecture=self.item.architecture)

    def _apt(self, root: str) -> Apt:
        """The index is this very process's own, made of what was verified, so nobody has to sign it for apt."""
        item, name = self.item, self.item.name
        path = aptrepo.packages_path(item.architecture)
        release = aptrepo.render_release(
            name=name, origin=name, architecture=item.architecture, files={path: self.stanzas}, date=0
        )
        for file, data in ((path, self.stanzas), ("Release", release)):
            fsutil.write_atomic(os.path.join(root, "repository/dists", name, file), data)
        return Apt(
            os.path.join(root, "apt"),
            sources=f"deb [trusted=yes] file:{root}/repository {name} {aptrepo.COMPONENT}\n",
            architecture=item.architecture,
            status=self.status(),
            recommends=item.recommends,
        )


@dataclass(frozen=True)
class _Judge:
    repository: str
    apt: Apt

    def install(self, names: List[str]) -> Dict[str, str]:
        self.apt.update()
        return self._install(names)

    def _install(self, names: List[str]) -> Dict[str, str]:
        """Together if that works, else in halves: what excludes each other is for different hosts, what fails alone is wrong."""
        would, refusal = self.apt.install(names)
        if not refusal:
            return would
        if len(names) == 1:
            raise BundleError(
                f"apt repository {self.repository}: apt cannot install {names[0]} from what the lock names. It says: {refusal}."
            )
        half = len(names) // 2
        return {**self._install(names[:half]), **self._install(names[half:])}


def _without_needs(package: Package) -> Package:
    lines = package.stanza.splitlines()
    kept: List[str] = []
    dropping = False
    for line in lines:
        dropping = line.startswith(("Depends:", "Pre-Depends:")) or (dropping and line[:1] in (" ", "\t"))
        if not dropping:
            kept.append(line)
    return Package.read(package.name, "\n".join(kept), package.origin)
