# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""apt itself judges: it takes what the engine publishes, signature and all, and asks for no other package."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import List

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="apt is the judge")


class Apt:
    """apt with a root of its own: none of this machine's sources, keys or packages."""

    def __init__(self, root: Path, line: str) -> None:
        for name in (
            "etc/sources.list.d",
            "etc/preferences.d",
            "parts",
            "lists/partial",
            "cache/archives/partial",
            "trusted",
        ):
            (root / name).mkdir(parents=True)
        (root / "status").touch()
        (root / "etc/sources.list").write_text(line + "\n")
        options = {
            "Dir::Etc": root / "etc",
            "Dir::Etc::Parts": root / "parts",
            "Dir::Etc::TrustedParts": root / "trusted",
            "Dir::Etc::Trusted": root / "none",
            "Dir::State": root,
            "Dir::State::Lists": root / "lists",
            "Dir::State::Status": root / "status",
            "Dir::Cache": root / "cache",
            "APT::Architecture": "amd64",
            "APT::Architectures": "amd64",
            "APT::Install-Recommends": "0",
            "APT::Sandbox::User": "",
        }
        (root / "apt.conf").write_text("".join(f'{name} "{value}";\n' for name, value in options.items()))
        self.config = str(root / "apt.conf")

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "APT_CONFIG": self.config, "LC_ALL": "C"}
        return subprocess.run(["apt-get", *arguments], capture_output=True, text=True, env=environment, check=False)

    def would_install(self, *packages: str) -> List[str]:
        done = self.run("--simulate", "install", *packages)
        assert done.returncode == 0, done.stdout + done.stderr
        return sorted(line.split()[1] for line in done.stdout.splitlines() if line.startswith("Inst "))


@pytest.fixture
def made(side: Side) -> Side:
    side.upstream.add("app", "1:2.0~rc1-1+b1", Depends="lib (>= 2), tool | other, virtual")
    side.upstream.add("lib", "2.1", suite="bookworm-security", architecture="all", Multi_Arch="foreign")
    side.upstream.add("lib", "1.9")
    side.upstream.add("tool", Pre_Depends="base")
    side.upstream.add("base")
    side.upstream.add("real", Provides="virtual")
    side.upstream.add("unrelated")
    side.bundle("app")
    side.publish()
    return side


WANTED = ["app", "base", "lib", "real", "tool"]


def line(key: Path, place: Path) -> str:
    return f"deb [signed-by={key}] file:{place} debian-12 main"


@pytest.mark.parametrize("where", ["medium", "depot"])
def test_apt_takes_it(made: Side, tmp_path: Path, where: str) -> None:
    current = made.top / "depot/current"
    places = {
        "medium": line(made.top / "out/bundle-key.asc", made.volume),
        "depot": line(current / "depot-key.asc", current / "apt/debian-12"),
    }
    apt = Apt(tmp_path / "apt", places[where])
    done = apt.run("update", "--error-on=any")
    assert done.returncode == 0, done.stderr
    assert "W:" not in done.stderr and "W:" not in done.stdout
    assert apt.would_install("app") == WANTED
    fetched = apt.run("--yes", "--download-only", "install", "app")
    assert fetched.returncode == 0, fetched.stderr
    assert apt.run("--simulate", "install", "unrelated").returncode != 0


def test_apt_agrees_on_the_closure(made: Side, tmp_path: Path) -> None:
    """Upstream itself, asked by apt, leads to the packages that the lock names, in the same versions."""
    key = tmp_path / "archive.asc"
    key.write_bytes(made.keys["archive"].public_key())
    suites = [
        f"deb [signed-by={key}] {made.web.url}/debian {suite} main" for suite in ("bookworm", "bookworm-security")
    ]
    apt = Apt(tmp_path / "apt", "\n".join(suites))
    assert apt.run("update", "--error-on=any").returncode == 0
    done = apt.run("--simulate", "install", "app")
    told = {
        line.split()[1]: line.split("(")[1].split()[0] for line in done.stdout.splitlines() if line.startswith("Inst ")
    }
    lock = made.lock().lock
    assert told == {item.name: item.version for item in lock.items if item.kind == "apt"}


def test_apt_refuses_another_key(made: Side, tmp_path: Path) -> None:
    key = tmp_path / "stranger.asc"
    key.write_bytes(made.keys["stranger"].public_key())
    apt = Apt(tmp_path / "apt", line(key, made.top / "depot/current/apt/debian-12"))
    assert apt.run("update", "--error-on=any").returncode != 0
