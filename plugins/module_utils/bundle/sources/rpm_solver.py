# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""dnf as the solver: asked in the system's own Python about verified metadata, and never guessed at where it is not there."""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import os
import re
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple

from .. import fsutil, programs, yumrepo
from ..boms.rpm import RpmItem
from ..errors import BundleError
from . import rpm_dnf

_PYTHONS = (sys.executable, "/usr/bin/python3", "/usr/libexec/platform-python")
_PATIENCE = 1800.0  # seconds
_PLATFORM = re.compile(rb"^ +platform: \[ ?([a-z0-9.]+) ?\]$", re.MULTILINE)
_NOT_OLD = "from __future__ import annotations\n"  # RHEL 8 has dnf in Python 3.6
_NOISE = ("Problems in request:", "")


@dataclass(frozen=True)
class Choice:
    """A package that was chosen, from which of the repositories, and the position of the one that needs it, or -1."""

    repository: int
    name: str
    epoch: str
    version: str
    release: str
    architecture: str
    sha256: str
    why: int

    @property
    def evr(self) -> str:
        return yumrepo.evr(self.epoch, self.version, self.release)

    @property
    def nevra(self) -> str:
        return f"{self.name}-{self.epoch}:{self.version}-{self.release}.{self.architecture}"


def solve(item: RpmItem, repositories: Sequence[Mapping[str, str]], *, scratch: str) -> List[Choice]:
    """What an empty machine would get. Each repository is given as its decompressed metadata files by kind."""
    python = find_python()
    with _directory(os.path.join(scratch, f"solver-{item.name}")) as directory:
        question = {
            "directory": directory,
            "architecture": item.architecture,
            "release": item.release,
            "platform": platform([files["modules"] for files in repositories if "modules" in files]),
            "repositories": [_offer(directory, number, files) for number, files in enumerate(repositories)],
            "packages": item.packages,
            "exclude": item.exclude,
            "modules": item.modules,
        }
        return [_choice(row) for row in _ask(python, question)]


@contextlib.contextmanager
def _directory(path: str) -> Iterator[str]:
    """Empty, and gone afterwards. dnf copies all metadata there, for which /tmp may be too small."""
    shutil.rmtree(path, ignore_errors=True)  # of a run that was killed
    fsutil.make_directory(path)
    try:
        yield os.path.abspath(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _ask(python: str, question: Mapping[str, Any]) -> List[Dict[str, Any]]:
    script = f"{inspect.getsource(rpm_dnf).replace(_NOT_OLD, '')}\nsys.exit(main())\n"
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": question["directory"], "LC_ALL": "C.UTF-8"}
    data, late = json.dumps(question).encode(), "dnf did not find an answer"
    done = programs.run([python, "-I", "-c", script], data=data, env=environment, patience=_PATIENCE, late=late)
    if done.returncode == 0:
        rows: List[Dict[str, Any]] = json.loads(done.stdout)
        return rows
    lines = [line.strip(" .") for line in done.stderr.splitlines()]
    told = [line for line in lines if line not in _NOISE]
    if done.returncode == rpm_dnf.CANNOT:
        raise BundleError(f"dnf cannot resolve it: {' '.join(told)}.")
    raise BundleError(f"dnf failed on this machine: {told[-1] if told else f'status {done.returncode}'}.")


@functools.lru_cache(maxsize=1)
def find_python() -> str:
    """The first Python that has dnf; it belongs to the system, and mostly is not the one Ansible runs in."""
    for python in dict.fromkeys(_PYTHONS):
        if os.access(python, os.X_OK) and not programs.run([python, "-I", "-c", _PROBE]).returncode:
            return python
    raise BundleError(
        "there is no solver on this machine, and a closure is not guessed: install dnf with its Python interface "
        "(package python3-dnf of Debian, Ubuntu, Fedora and RHEL)."
    )


_PROBE = "import dnf, libdnf"


def platform(modules: Sequence[str]) -> str:
    """The platform that modules are built for, as most of them say: what a target's os-release would tell dnf."""
    found: Counter[bytes] = Counter()
    for path in modules:
        found.update(_PLATFORM.findall(fsutil.read_plain(path)))
    best = sorted(found, key=lambda name: (-found[name], name))[:1]
    return f"platform:{best[0].decode()}" if best else ""


def _offer(directory: str, number: int, files: Mapping[str, str]) -> Tuple[str, str]:
    """A directory that looks like a repository, for dnf and for this run only."""
    base = os.path.join(directory, f"repository-{number}")
    fsutil.make_directory(os.path.join(base, "repodata"))
    entries = []
    for kind in ("primary", "filelists", "modules"):
        if kind in files:
            href = f"repodata/{kind}.{'yaml' if kind == 'modules' else 'xml'}"
            os.symlink(os.path.abspath(files[kind]), os.path.join(base, href))
            sha256, size = fsutil.sha256_file(files[kind])
            entries.append(yumrepo.Entry(kind, href, sha256, size, sha256, size))
    fsutil.write_atomic(os.path.join(base, yumrepo.REPOMD), yumrepo.render_repomd(entries, moment=0))
    return f"source-{number + 1}", base


def _choice(row: Dict[str, Any]) -> Choice:
    checksums = row.pop("checksums")
    nevra = f"{row['name']}-{row['version']}-{row['release']}.{row['architecture']}"
    if len(checksums) != 1:
        raise BundleError(f"its metadata lists {nevra} {len(checksums)} times with different checksums; it is refused.")
    if not fsutil.is_sha256(checksums[0]):
        raise BundleError(f"its metadata gives no sha256 of {nevra}; only SHA-256 is believed.")
    return Choice(**{**row, "repository": int(row["repository"].rpartition("-")[2]) - 1}, sha256=checksums[0])
