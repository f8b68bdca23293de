# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""apt as the judge: in a root of its own it is given nothing but an index, and asked whether it would install from it."""

from __future__ import annotations

import os
import re
import shutil
from typing import Dict, List, Sequence, Tuple

from .. import fsutil, programs
from ..errors import BundleError

_DIRECTORIES = ("etc/sources.list.d", "etc/preferences.d", "parts", "trusted", "lists/partial", "archives/partial")
_INSTALLS = re.compile(r"^Inst (?P<name>\S+) (?:\[[^\]]*\] )?\((?P<version>\S+)", re.MULTILINE)
_NOISE = re.compile(
    r"^(?:N|W|Get:|Hit:|Ign:|Reading|Building|NOTE|Some packages|requested|distribution|or been|The following inform)"
)
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_PATIENCE = 600.0


def is_at_hand() -> bool:
    return shutil.which("apt-get") is not None


class Apt:
    """apt-get with none of this machine's sources, keys, preferences or packages."""

    def __init__(
        self, root: str, *, sources: str, architecture: str, status: str = "", recommends: bool = False
    ) -> None:
        for name in _DIRECTORIES:
            fsutil.make_directory(os.path.join(root, name))
        options = {
            "Dir::Etc": f"{root}/etc",
            "Dir::Etc::Parts": f"{root}/parts",
            "Dir::Etc::TrustedParts": f"{root}/trusted",
            "Dir::Etc::Trusted": f"{root}/none",
            "Dir::State": root,
            "Dir::State::Lists": f"{root}/lists",
            "Dir::State::Status": f"{root}/status",
            "Dir::Cache": root,
            "Acquire::Languages": "none",
            "APT::Architecture": architecture,
            "APT::Architectures": architecture,
            "APT::Install-Recommends": str(int(recommends)),
            "APT::Sandbox::User": "",
        }
        config = "".join(f'{name} "{value}";\n' for name, value in options.items())
        for name, text in {"status": status, "etc/sources.list": sources, "apt.conf": config}.items():
            fsutil.write_atomic(os.path.join(root, name), text.encode())
        self.config = os.path.join(root, "apt.conf")

    def run(self, *arguments: str) -> Tuple[int, str]:
        """Exit status, and what apt said."""
        environment = {"PATH": PATH, "APT_CONFIG": self.config, "LC_ALL": "C.UTF-8"}
        argv = ["apt-get", *arguments]
        late = f"apt-get {arguments[0]} did not end"
        done = programs.run(argv, env=environment, together=True, patience=_PATIENCE, late=late)
        return done.returncode, done.stdout

    def update(self) -> None:
        status, said = self.run("update", "--error-on=any")
        if status:
            raise BundleError(f"apt cannot read the index: {words(said)}.")

    def install(self, names: Sequence[str]) -> Tuple[Dict[str, str], str]:
        """What apt would install for these names, by version; or else its words why it cannot."""
        status, said = self.run("--simulate", "install", "--", *names)
        if status:
            return {}, words(said)
        return {match.group("name"): match.group("version") for match in _INSTALLS.finditer(said)}, ""


def words(said: str) -> str:
    """The part of apt's answer that says what is wrong, on one line."""
    lines: List[str] = [line.strip() for line in said.splitlines()]
    return " ".join(line for line in lines if line and not _NOISE.match(line)).rstrip(".")
