# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The tarball is laid out as a release is, says what it is, and comes out the same every time."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Callable

import pytest
from launcher import Server

BUILD = Path(__file__).resolve().parents[2] / "standin" / "build.py"
# Of a real mattermost-team-9.11.0-linux-amd64.tar.gz.
TOP = {
    *("mattermost", "mattermost/NOTICE.txt", "mattermost/README.md", "mattermost/bin", "mattermost/client"),
    *("mattermost/config", "mattermost/fonts", "mattermost/i18n", "mattermost/logs", "mattermost/prepackaged_plugins"),
    "mattermost/templates",
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(BUILD), *arguments], capture_output=True, text=True, check=False)


def test_layout_owners_and_modes(tarball: Callable[..., Path]) -> None:
    path = tarball("9.11.0")
    assert path.name == "mattermost-team-9.11.0-linux-amd64.tar.gz"
    with tarfile.open(path) as archive:
        members = {member.name: member for member in archive}
    assert {name for name in members if name.count("/") < 2} == TOP
    modes = {
        name: oct(members["mattermost/" + name].mode) for name in ("bin/mattermost", "bin/mmctl", "config/config.json")
    }
    assert modes == {"bin/mattermost": "0o755", "bin/mmctl": "0o755", "config/config.json": "0o600"}
    assert {(member.uid, member.gid, member.uname) for member in members.values()} == {(1001, 1001, "runner")}


def test_same_arguments_same_bytes(tarball: Callable[..., Path], tmp_path: Path) -> None:
    done = run("--version", "9.11.0", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    again = Path(done.stdout.strip())
    assert again.read_bytes() == tarball("9.11.0").read_bytes()
    digest, name = again.with_name(again.name + ".sha256").read_text().split()
    assert (len(digest), name) == (64, again.name)


def test_each_broken_build_is_another_file(tarball: Callable[..., Path]) -> None:
    kinds = ("", "exit", "hang", "unhealthy", "migration")
    assert len({tarball("9.11.1", broken).read_bytes() for broken in kinds}) == len(kinds)


@pytest.mark.parametrize("version", ["9.11", "v9.11.0", "9.11.0-rc1"])
def test_a_version_that_is_none_is_refused(version: str, tmp_path: Path) -> None:
    done = run("--version", version, "--output", str(tmp_path))
    assert done.returncode == 1
    assert "three numbers are needed" in done.stderr


def test_it_says_that_it_is_a_stand_in(server: Callable[..., Server]) -> None:
    target = server("11.6.0")
    done = subprocess.run([target.home / "bin/mattermost", "version"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "Version: 11.6.0 (stand-in)",
        "Build Number: 11.6.0-standin",
        "Build Date: Thu Jan  1 00:00:00 UTC 1970",
        "Build Hash: stand-in",
        "Build Enterprise Ready: false",
    ]
    target.start()
    status, answer, headers = target.send("GET", "/config/client?format=old")
    shown = json.loads(answer)
    assert (status, shown["Version"], shown["BuildNumber"], shown["BuildHash"]) == (
        *(200, "11.6.0"),
        *("11.6.0-standin", "stand-in"),
    )
    assert headers["x-version-id"].startswith("11.6.0.11.6.0-standin.")
    assert b"stand-in" in target.send("GET", "/", prefix="")[1]
    assert "stand-in" in target.mmctl("version").stdout
    assert "Current version is 11.6.0 (stand-in)" in target.log()
