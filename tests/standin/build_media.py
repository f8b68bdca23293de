# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Pack the stand-ins of rtcd, calls-offloader and the push proxy as their releases are. Same arguments, same bytes."""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import re
import tarfile
import zipfile
from pathlib import Path

MEDIA = Path(__file__).resolve().parent / "media"
STAMP = 1577836800  # 2020-01-01: every file has this time
PARTS = {"rtcd": ("rtcd", "service"), "calls-offloader": ("offloader", "service"), "push-proxy": ("push_proxy",)}
BROKEN = "import sys\n\nsys.exit('broken on purpose: this build ends before its port opens')\n"


def program(component: str, version: str, broken: bool) -> bytes:
    """One executable file, a Python zip application."""
    parts = PARTS[component]
    main = BROKEN if broken else f"from {parts[0]} import main\n\nmain({version!r})\n"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for name, content in [("__main__.py", main)] + [(f"{p}.py", (MEDIA / f"{p}.py").read_text()) for p in parts]:
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            packed.writestr(info, content)
    return b"#!/usr/bin/env python3\n" + archive.getvalue()


def tarball(top: str, binary: bytes) -> bytes:
    """The push proxy's archive: its program, a sample of its configuration, and a folder for logs."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as archive:
        entries = [("", None), ("bin", None), (f"bin/{top}", binary), ("config", None), ("logs", None)]
        for name, content in [*entries, (f"config/{top}.sample.json", b"{}\n")]:
            info = tarfile.TarInfo(f"{top}/{name}".rstrip("/"))
            info.mtime, info.mode = STAMP, 0o755 if content is None or content is binary else 0o644
            info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            info.size = len(content or b"")
            archive.addfile(info, io.BytesIO(content or b""))
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as stream:
        stream.write(raw.getvalue())
    return packed.getvalue()


def build(component: str, version: str, output: Path, *, broken: bool = False) -> Path:
    """Write the artefact and its .sha256 beside it; answers the artefact's path."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise SystemExit(f"--version {version}: three numbers are needed, as in 1.2.6")
    content = program(component, version, broken)
    target = output / f"{component}-linux-amd64"
    if component == "push-proxy":
        target = output / "mattermost-push-proxy-linux-amd64.tar.gz"
        content = tarball("mattermost-push-proxy", content)
    output.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    target.chmod(0o755)
    digest = hashlib.sha256(content).hexdigest()
    target.with_name(target.name + ".sha256").write_text(f"{digest}  {target.name}\n", encoding="ascii")
    return target


def main() -> int:
    """Build what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--component", choices=sorted(PARTS), required=True, help="which service")
    parser.add_argument("--version", required=True, help="the release to stand in for")
    parser.add_argument("--output", type=Path, default=Path("."), help="folder for the artefact (default: here)")
    parser.add_argument("--broken", action="store_true", help="end before the port opens, for upgrade tests")
    arguments = parser.parse_args()
    print(build(arguments.component, arguments.version, arguments.output, broken=arguments.broken))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
