# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Plugins that a release brings are unpacked at a start when they are switched on, and not before."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Callable

import pytest
from conftest import ROOT
from launcher import Server


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release that brings two plugins, of which a new configuration switches one on."""
    folder = tmp_path_factory.mktemp("prepackaged")
    for name in ("playbooks", "focalboard"):
        manifest = json.dumps({"id": name, "name": name, "version": "1.0.0"}).encode()
        with tarfile.open(folder / f"{name}.tar.gz", "w:gz") as bundle:
            member = tarfile.TarInfo(f"{name}/plugin.json")
            member.size = len(manifest)
            bundle.addfile(member, io.BytesIO(manifest))
    command = [sys.executable, str(ROOT / "tests/standin/build.py"), "--version", "11.6.0", "--plugins", str(folder)]
    done = subprocess.run([*command, "--output", str(folder)], check=True, capture_output=True, text=True)
    return Path(done.stdout.strip())


def active(target: Server) -> set[str]:
    return {plugin["id"] for plugin in target.admin("GET", "/plugins")["active"]}


def test_what_is_switched_on_is_unpacked_at_the_next_start(release: Path, server: Callable[..., Server]) -> None:
    target = server("11.6.0", archive=release).start().make_admin()
    assert active(target) == {"playbooks"}
    states = target.admin("GET", "/config")["PluginSettings"]["PluginStates"]
    states["focalboard"] = {"Enable": True}
    target.admin("PUT", "/config/patch", {"PluginSettings": {"PluginStates": states}})
    assert active(target) == {"playbooks"}
    assert active(target.restart()) == {"playbooks", "focalboard"}


def test_nothing_is_unpacked_where_that_is_switched_off(release: Path, server: Callable[..., Server]) -> None:
    off = {"MM_PLUGINSETTINGS_AUTOMATICPREPACKAGEDPLUGINS": "false"}
    assert active(server("11.6.0", archive=release, env=off).start().make_admin()) == set()
