# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""dnf as the judge: on a host that has nothing it is given one repository, and asked whether it would install from it."""

from __future__ import annotations

import os
import shutil
from typing import List, Sequence, Set, Tuple
from urllib.parse import quote

from .. import fsutil, programs
from ..errors import BundleError
from ..lock import Item

_PATIENCE = 1800.0
_NEVRA = "%{name}-%{epoch}:%{version}-%{release}.%{arch}\n"


class Dnf:
    """dnf with none of this machine's repositories, keys, plugins or packages. It checks both signatures."""

    def __init__(
        self,
        root: str,
        repository: str,
        *,
        keys: Sequence[str],
        release: str,
        architecture: str,
        gpgcheck: bool = True,
        platform: str = "",
    ) -> None:
        self.root = root
        self.about = ["--releasever", release, "--forcearch", architecture]
        main = {
            **{f"{name}dir": f"{root}/{name}" for name in ("repos", "vars", "cache", "persist", "log")},
            "pluginpath": f"{root}/plugins",
            "install_weak_deps": "False",
            "best": "True",
            "optional_metadata_types": "filelists",
            "module_platform_id": platform,
        }
        source = {
            "name": "depot",
            "baseurl": f"file://{quote(repository)}",
            "gpgcheck": str(int(gpgcheck)),
            "repo_gpgcheck": "1",
            "gpgkey": " ".join(f"file://{quote(key)}" for key in keys),
        }
        fsutil.make_directory(f"{root}/target")
        fsutil.write_atomic(f"{root}/dnf.conf", _section("main", main))
        fsutil.write_atomic(f"{root}/repos/depot.repo", _section("depot", source))

    def run(self, *words: str) -> Tuple[int, str]:
        """Exit status, and what dnf said."""
        argv = ["dnf", "--config", f"{self.root}/dnf.conf", "--installroot", f"{self.root}/target", "--assumeyes"]
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/", "LC_ALL": "C.UTF-8"}
        late = f"dnf {words[0]} did not end"
        try:
            whole = [*argv, "--noplugins", *self.about, *words]
            done = programs.run(whole, env=environment, together=True, patience=_PATIENCE, late=late)
        finally:
            self._end_agents()
        return done.returncode, done.stdout

    def _end_agents(self) -> None:
        """Checking the signature of metadata leaves a gpg-agent behind for each directory of keys; nobody asks it again."""
        for folder, _folders, names in os.walk(self.root):
            if any(name.startswith("pubring.") for name in names) and shutil.which("gpgconf"):
                programs.run(["gpgconf", "--homedir", folder, "--kill", "all"])

    def find(self) -> Set[str]:
        """All packages that dnf sees in the repository."""
        status, said = self.run("--quiet", "repoquery", "--available", "--queryformat", _NEVRA.strip())
        if status:
            raise BundleError(f"dnf cannot read the repository: {_words(said)}.")
        return {line for line in said.splitlines() if line and " " not in line}

    def try_install(self, names: Sequence[str]) -> str:
        """Why dnf would not install these, all checks of signatures included; nothing when it would."""
        status, said = self.run("--downloadonly", "install", "--", *names)
        return _words(said) if status else ""


def _section(name: str, options: dict[str, str]) -> bytes:
    return f"[{name}]\n{''.join(f'{key}={value}{chr(10)}' for key, value in options.items())}".encode()


def _words(said: str) -> str:
    """The part of dnf's answer that says what is wrong, on one line."""
    lines: List[str] = [line.strip(" .") for line in said.splitlines()]
    start = next((number for number, line in enumerate(lines) if line.startswith(("Error", "Problem"))), 0)
    return " ".join(line for line in lines[start:] if line) or "no reason given"


def prove(dnf: Dnf, packages: Sequence[str], items: Sequence[Item]) -> str:
    """On a host that has nothing, dnf would install what bills of materials name, and it finds every package of the lock."""
    found = dnf.find()
    absent = [item for item in items if nevra(item) not in found]
    if absent:
        raise BundleError(f"dnf does not find {absent[0].name} {absent[0].version} in it.")
    if dnf.try_install(packages):  # some may exclude each other; then every one has to do alone
        for name in packages:
            why_not = dnf.try_install([name])
            if why_not:
                raise BundleError(f"dnf would not install {name} from it: {why_not}.")
    return f"dnf would install {len(packages)} named and at most {len(items) - len(packages)} other packages"


def nevra(item: Item) -> str:
    """As dnf writes it. A lock calls a second package of one name by more than its name."""
    epoch, _colon, rest = item.version.rpartition(":")
    version, _dash, release = rest.rpartition("-")
    name = item.name
    for ending in (f"-{version}-{release}.{item.architecture}", f".{item.architecture}"):
        name = name[: -len(ending)] if name.endswith(ending) else name
    return f"{name}-{epoch or '0'}:{version}-{release}.{item.architecture}"
