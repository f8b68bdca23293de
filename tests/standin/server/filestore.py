# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The local file store: FileSettings.Directory, relative to the working directory."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, Callable


class FileStore:
    def __init__(self, setting: Callable[[str], Any]) -> None:
        self._setting = setting

    @property
    def root(self) -> Path:
        return Path(self._setting("FileSettings.Directory"))

    def check(self) -> None:
        """Write and remove a file, as the real server's connection test does; raises OSError."""
        self.write("testfile", b"testingwrite")
        (self.root / "testfile").unlink()

    def write(self, name: str, content: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        temporary = path.with_name(path.name + f".{os.getpid()}.part")
        temporary.write_bytes(content)
        os.chmod(temporary, 0o600)
        temporary.replace(path)

    def read(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self.root / name).unlink()

    def names(self, pattern: str) -> list[Path]:
        return sorted(self.root.glob(pattern))
