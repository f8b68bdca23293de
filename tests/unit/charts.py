# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Helm charts made of a few texts, and a repository of them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Union

from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import SigningKey

Content = Union[str, bytes]


def archive(files: Mapping[str, Content]) -> bytes:
    """A gzipped tar archive of these files, the same bytes each time."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, text in files.items():
            data = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return gzip.compress(content.getvalue(), mtime=0)


def chart(
    name: str = "chat", version: str = "1.2.3", *, files: Optional[Mapping[str, Content]] = None, **metadata: Any
) -> bytes:
    """A chart. Metadata and values are JSON, which is YAML."""
    told = {"apiVersion": "v2", "name": name, "version": version, "appVersion": "9.9.9", **metadata}
    return archive(
        {f"{name}/Chart.yaml": json.dumps(told), **{f"{name}/{path}": text for path, text in (files or {}).items()}}
    )


class ChartRepository:
    """A directory with an index, as helm's own tools make one."""

    def __init__(self, root: Path, key: SigningKey) -> None:
        self.root = root / "charts"
        self.root.mkdir(parents=True, exist_ok=True)
        self.key = key
        self.entries: Dict[str, Any] = {}

    def add(self, data: bytes, name: str = "chat", version: str = "1.2.3", *, digest: bool = True, **more: Any) -> str:
        """Returns the sha256."""
        sha256 = hashlib.sha256(data).hexdigest()
        file = f"{name}-{version}.tgz"
        (self.root / file).write_bytes(data)
        row = {"name": name, "version": version, "urls": [file], **({"digest": sha256} if digest else {}), **more}
        self.entries.setdefault(name, []).append(row)
        self.write()
        return sha256

    def write(self) -> None:
        document = {"apiVersion": "v1", "entries": self.entries, "generated": "2026-01-01T00:00:00Z"}
        (self.root / "index.yaml").write_text(json.dumps(document))

    def sign(self, file: str, sha256: str) -> None:
        """The provenance file beside an archive."""
        text = f"apiVersion: v2\nname: chat\n\n...\nfiles:\n  {file}: sha256:{sha256}\n"
        (self.root / f"{file}.prov").write_bytes(self.key.sign(text.encode(), clear=True, moment=0))
