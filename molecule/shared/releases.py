# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Lay out the Mattermost releases a rehearsal needs: the first, its successor, and one that never becomes healthy.

MATTERMOST_RELEASE (a URL or a file) selects a real release; else the stand-in is packed. MATTERMOST_UPGRADE may name the
release to upgrade to; without it the successor is the same release packed anew under a number with a suffix.
With --federated only one is laid out, an Enterprise release with a licence in MATTERMOST_LICENSE (a file); without a real release the
stand-in's, with a licence of its own kind, and with the plugins in the folder that --prepackaged names. A real release without a licence
is laid out as it is.

A plugin of our own goes with them otherwise. The broken release is the first with its program replaced by one that starts, says why it dies, and dies.
"""

from __future__ import annotations

import argparse
import configparser
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
STANDIN = HERE.parents[1] / "tests" / "standin" / "build.py"
BROKEN = """#!/bin/sh
[ "$1" = version ] && { echo "Version: %s"; exit 0; }
echo '{"level":"fatal","msg":"this release is broken on purpose: it cannot read its own schema"}'
exit 1
"""


def bring(source: str, directory: Path) -> Path:
    """The release named by a URL or a path, as a file in directory."""
    target = directory / source.rsplit("/", 1)[-1]
    if re.match(r"https?://", source):
        with urllib.request.urlopen(source, timeout=60) as reply, target.open("wb") as file:
            shutil.copyfileobj(reply, file)
    else:
        shutil.copyfile(source, target)
    return target


def version_of(archive: Path) -> str:
    """What the release's own program answers."""
    with tarfile.open(archive) as tar:
        members = [m for m in tar if m.name.split("/", 1)[-1].startswith(("bin/", "i18n/", "lib/"))]
        scratch = archive.parent / ".version"
        tar.extractall(scratch, members)
    try:
        program = next(scratch.glob("*/bin/mattermost"))
        text = subprocess.run(
            [program, "version"], capture_output=True, text=True, check=False, cwd=program.parents[1]
        ).stdout
    finally:
        shutil.rmtree(scratch)
    match = re.search(r"Version:\s*(\d+\.\d+\.\d+)", text)
    if not match:
        sys.exit(f"releases: {archive.name} does not say its version: {text!r}")
    return match[1]


def repack(archive: Path, target: Path, *, replace: dict[str, str] | None = None) -> None:
    """The same release again, with files replaced, byte for byte the same each time."""
    with (
        tarfile.open(archive) as old,
        target.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, compresslevel=1) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as new,
    ):
        for member in old:
            name = member.name.split("/", 1)[-1]
            if replace and name in replace:
                data = replace[name].encode()
                member.size = len(data)
                new.addfile(member, io.BytesIO(data))
            else:
                new.addfile(member, old.extractfile(member) if member.isreg() else None)


def plugin(target: Path) -> None:
    """A plugin that does nothing but run: a web application of one comment."""
    manifest = json.dumps(
        {"id": "mil.example.rehearsal", "name": "Rehearsal", "version": "1.0.0", "webapp": {"bundle_path": "main.js"}}
    )
    with gzip.GzipFile(target, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as new:
        for name, text in (("plugin.json", manifest), ("main.js", "// nothing\n")):
            member = tarfile.TarInfo(f"mil.example.rehearsal/{name}")
            member.size = len(text)
            new.addfile(member, io.BytesIO(text.encode()))


def federated(output: Path, prepackaged: Path | None) -> None:
    """The one release of a federated rehearsal, and its licence."""
    source, licence = os.environ.get("MATTERMOST_RELEASE"), os.environ.get("MATTERMOST_LICENSE")
    if source:
        archive = bring(source, output)
    else:
        build = [sys.executable, STANDIN, "--edition", "enterprise", "--version", "11.6.0", "--output", output]
        build += ["--plugins", prepackaged] if prepackaged else []
        subprocess.run(build, check=True)
        archive = next(output.glob("mattermost-*11.6.0*.tar.gz"))
        licence = str(output / "standin.mattermost-license")
        make = [sys.executable, STANDIN.parent / "licence.py", "--sku", "advanced", "--output", licence]
        subprocess.run(make, check=True)
    write_index(output, {"first": (version_of(archive), archive)}, licence=licence or "")


def write_index(output: Path, releases: dict[str, tuple[str, Path]], *, licence: str = "") -> None:
    """What is there, for inventories to look up."""
    index = configparser.ConfigParser()
    for name, (version, archive) in releases.items():
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        index[name] = {"version": version, "file": archive.name, "sha256": digest}
    index["licence"] = {"file": licence}
    with (output / "releases.ini").open("w", encoding="utf-8") as file:
        index.write(file)


def main() -> None:
    """Write the releases and releases.ini."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--federated", action="store_true")
    parser.add_argument("--prepackaged", type=Path)
    arguments = parser.parse_args()
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    if arguments.federated:
        federated(output, arguments.prepackaged)
        return
    first_source, next_source = os.environ.get("MATTERMOST_RELEASE"), os.environ.get("MATTERMOST_UPGRADE")
    if first_source:
        first = bring(first_source, output)
    else:
        subprocess.run([sys.executable, STANDIN, "--version", "9.11.0", "--output", output], check=True)
        first = next(output.glob("mattermost-*9.11.0*.tar.gz"))
        if not next_source:
            subprocess.run([sys.executable, STANDIN, "--version", "9.11.1", "--output", output], check=True)
            next_source = str(next(output.glob("mattermost-*9.11.1*.tar.gz")))
    number = version_of(first)
    if next_source:
        successor = Path(next_source) if Path(next_source).parent == output else bring(next_source, output)
        next_number = version_of(successor)
    else:
        successor, next_number = output / f"successor-of-{first.name}", f"{number}+repacked"
        repack(first, successor)
    broken = output / f"broken-{successor.name}"
    broken_number = f"{next_number.split('+')[0]}+broken"
    repack(successor, broken, replace={"bin/mattermost": BROKEN % next_number.split("+")[0]})
    extra = output / "mil.example.rehearsal-1.0.0.tar.gz"
    plugin(extra)
    found = {"first": (number, first), "next": (next_number, successor), "broken": (broken_number, broken)}
    write_index(output, {**found, "plugin": ("1.0.0", extra)})


if __name__ == "__main__":
    main()
