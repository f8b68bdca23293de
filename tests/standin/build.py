# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Pack the stand-in as a release tarball of the Mattermost server. Same arguments, same bytes."""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.util
import io
import json
import marshal
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from server.release import BROKEN_CHOICES, EDITIONS, Release
from server.settings import Settings

WHEELS = HERE.parent.parent / ".work" / "standin" / "wheels"
STAMP = 1577836800  # 2020-01-01: every file has this time
TOP = "mattermost"
EMPTY_DIRS = ("logs", "prepackaged_plugins")
MODES = {"bin/mattermost": 0o755, "bin/mmctl": 0o755, "config/config.json": 0o600}
Files = Dict[str, bytes]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", default="9.11.0", help="the release to stand in for (default: %(default)s)")
    parser.add_argument("--edition", choices=EDITIONS, default="team", help="which edition (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=Path("."), help="folder for the tarball (default: here)")
    parser.add_argument("--broken", choices=BROKEN_CHOICES, default="", help="break it on purpose, for upgrade tests")
    parser.add_argument("--plugins", type=Path, help="folder of plugin bundles that the release brings (default: none)")
    parser.add_argument("--wheels", type=Path, default=WHEELS, help="where the packed libraries are kept")
    arguments = parser.parse_args()
    given = {"edition": arguments.edition, "broken": arguments.broken, "wheels": arguments.wheels}
    print(build(arguments.version, arguments.output, plugins=arguments.plugins, **given))
    return 0


def build(
    version: str,
    output: Path,
    *,
    edition: str = "team",
    broken: str = "",
    wheels: Path = WHEELS,
    plugins: Optional[Path] = None,
) -> Path:
    """Write the tarball and its .sha256 beside it; answers the tarball's path."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise SystemExit(f"--version {version}: three numbers are needed, as in 9.11.0")
    release = Release(version, broken, edition)
    files = {
        **_static_files(),
        **_prepackaged(plugins),
        "bin/mattermost": _program(release, wheels),
        "bin/mmctl": _mmctl(version),
        "config/config.json": json.dumps(Settings(release).shipped(), indent=2).encode(),
    }
    output.mkdir(parents=True, exist_ok=True)
    title = "mattermost-team" if edition == "team" else "mattermost"
    target = output / f"{title}-{version}-linux-amd64.tar.gz"
    partial = target.with_suffix(".part")
    partial.write_bytes(_compressed(_tar(files)))
    partial.replace(target)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    target.with_name(target.name + ".sha256").write_text(f"{digest}  {target.name}\n", encoding="ascii")
    return target


def _static_files() -> Files:
    root = HERE / "release"
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def _prepackaged(plugins: Optional[Path]) -> Files:
    bundles = sorted(plugins.glob("*.tar.gz")) if plugins else []
    return {f"prepackaged_plugins/{path.name}": path.read_bytes() for path in bundles}


def _mmctl(version: str) -> bytes:
    text = (HERE / "mmctl.py").read_text(encoding="utf-8")
    text = re.sub(r'^VERSION = ".*"$', f'VERSION = "{version}"', text, flags=re.M)
    return f"#!/usr/bin/env python3\n{text}".encode()


def _program(release: Release, wheels: Path) -> bytes:
    """bin/mattermost: one executable file, a Python zip application."""
    files: Files = {"__main__.py": b"from server.cli import main\n\nraise SystemExit(main())\n"}
    for path in sorted((HERE / "server").rglob("*")):
        if path.suffix in (".py", ".json"):
            files[str(path.relative_to(HERE))] = path.read_bytes()
    packed = {"version": release.version, "broken": release.broken, "edition": release.edition}
    files["server/data/release.json"] = json.dumps(packed).encode()
    for name, content in _libraries(wheels):
        files[name] = content
    files.update(_compiled(files))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as program:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            program.writestr(info, files[name])
    return b"#!/usr/bin/env python3\n" + archive.getvalue()


def _compiled(files: Files) -> Files:
    """Byte code beside the sources, for a quick start under the Python that built it; any other reads the sources.

    Marshal version 2 knows no references, so that the bytes do not depend on what else this process did.
    """
    flags = (1).to_bytes(4, "little")  # by hash of the source, not to be checked
    compiled = {}
    for name, source in files.items():
        if name.endswith(".py"):
            code = compile(source, name, "exec", dont_inherit=True, optimize=0)
            head = importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(source)
            compiled[name + "c"] = head + marshal.dumps(code, 2)
    return compiled


def _libraries(wheels: Path) -> Iterator[Tuple[str, bytes]]:
    """The Python files of the wheels in vendor.txt, and the metadata some of them read."""
    for path in _fetched(wheels):
        with zipfile.ZipFile(path) as wheel:
            for name in wheel.namelist():
                if name.endswith((".py", "/METADATA")) and "/zoneinfo/" not in name and "/tests/" not in name:
                    yield name, wheel.read(name)


def _fetched(wheels: Path) -> List[Path]:
    requirements = HERE / "vendor.txt"
    names = re.findall(r"^([\w-]+)==([\w.]+) ", requirements.read_text(encoding="utf-8"), flags=re.M)
    patterns = [f"{name.replace('-', '_')}-{version}-*.whl" for name, version in names]
    found = [sorted(wheels.glob(pattern)) for pattern in patterns]
    if not all(found):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary=:all:", "--python-version=3.8", "--require-hashes"]
        subprocess.run([*command, "--requirement", str(requirements), "--dest", str(wheels)], check=True)
        found = [sorted(wheels.glob(pattern)) for pattern in patterns]
    return [matches[0] for matches in found]


def _tar(files: Files) -> bytes:
    folders = {TOP, *(f"{TOP}/{name}" for name in EMPTY_DIRS)}
    for name in files:
        folders.update(str(parent) for parent in Path(TOP, name).parents if str(parent) != ".")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in sorted([*folders, *(f"{TOP}/{name}" for name in files)]):
            member = tarfile.TarInfo(name)
            member.mtime, member.uid, member.gid = STAMP, 1001, 1001
            member.uname = member.gname = "runner"
            content = files.get(name[len(TOP) + 1 :])
            if content is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(member)
            else:
                member.size, member.mode = len(content), MODES.get(name[len(TOP) + 1 :], 0o644)
                archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def _compressed(data: bytes) -> bytes:
    stream = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=stream, mode="wb", compresslevel=6, mtime=0) as packer:
        packer.write(data)
    return stream.getvalue()


if __name__ == "__main__":
    raise SystemExit(main())
