# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bundle on several volumes, with an object that is larger than any of them, and media as they are carried."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any, Dict, List

from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import have_list
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.have_list import HaveList
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.lock import stamp
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.medium import Inspection, inspect
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.pack import PackResult
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

SIZE = 400_000


def noise(name: str, size: int) -> bytes:
    """Bytes without a pattern, the same ones each time."""
    return hashlib.shake_128(name.encode()).digest(size)


class Volumes:
    """The way to several media and back."""

    def __init__(self, side: Side, *, size: int = SIZE) -> None:
        self.side = side
        self.size = size
        self.files: Dict[str, bytes] = {}
        side.upstream.add("app", Depends="lib")
        side.upstream.add("lib")
        for number in range(6):
            self.add(f"file-{number}", 90_000 + 1000 * number)
        self.add("large", 900_000)

    def add(self, name: str, size: int, *, seed: str = "") -> None:
        self.files[name] = noise(name + seed, size)

    def lock(self, *, later: int = 0) -> None:
        self.side.bom["files"] = [self.side.file(name, data) for name, data in sorted(self.files.items())]
        self.side.upstream.publish()
        self.side.lock(now=self.side.now + later)

    def make(self, *, later: int = 0, **more: Any) -> PackResult:
        self.lock(later=later)
        return self.pack(**more)

    def pack(self, **more: Any) -> PackResult:
        return self.side.pack(**{"volume_size": self.size, **more})

    @property
    def path(self) -> Path:
        return Path(self.side.output) / "site"

    def names(self) -> List[str]:
        return sorted(path.name for path in self.path.glob("volume-*"))

    def inspect(self, *paths: Path, **more: Any) -> Inspection:
        given = [str(path) for path in paths or (self.path,)]
        return inspect(given, self.side.ring, now=more.pop("now", self.side.now + 600), **more)

    def medium(self, name: str) -> Path:
        """One volume alone, copied away."""
        target = self.side.top / "media" / name / "site" / name
        if not target.exists():
            shutil.copytree(self.path / name, target)
        return self.side.top / "media" / name

    def list_of(self, *inspections: Inspection, key: str = "depot") -> Path:
        """What a depot that took these in would sign."""
        newest = inspections[-1]
        objects = sorted({sha256 for inspection in inspections for sha256 in inspection.sizes})
        bundles = {newest.root.name: {"version": newest.root.version, "root": newest.root_sha256}}
        data = HaveList("Depot", len(inspections), stamp(self.side.now), bundles, tuple(objects)).dump()
        path = self.side.top / have_list.LIST
        path.write_bytes(data)
        signature = self.side.keys[key].sign(data, clear=False, moment=int(self.side.now))
        (self.side.top / have_list.SIGNATURE).write_bytes(signature)
        return path


def room_taken(path: Path) -> int:
    """What a volume takes on a medium that gives every file and directory whole blocks."""
    return sum(-(-file.stat().st_size // 4096) * 4096 if file.is_file() else 4096 for file in [path, *path.rglob("*")])


def tree(path: Path) -> Dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def writable(path: Path) -> None:
    """A copy as on a medium: no link to the store any more, and open to whoever has it in hands."""
    for file in path.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            file.unlink()
            file.write_bytes(data)
            os.chmod(file, 0o644)
