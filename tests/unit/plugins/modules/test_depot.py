# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""depot as Ansible runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict

import pytest
from ansible_collections.fieldops.mattermost.tests.unit import engine_fixtures
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

Run = Callable[..., Dict[str, Any]]

# Fixtures count where a name in the module stands for them.
keys = engine_fixtures.keys
no_proxies = engine_fixtures.no_proxies
no_waiting_for_disks = engine_fixtures.no_waiting_for_disks
side = engine_fixtures.side
upstream = engine_fixtures.upstream
web = engine_fixtures.web


@pytest.fixture
def given(side: Side) -> Dict[str, Any]:
    side.upstream.add("app")
    side.bom["files"] = [side.file("x", b"data")]
    side.bundle("app")
    return {
        "media": [str(side.volume)],
        "keyring": f"{side.output}/bundle-key.asc",
        "path": str(side.top / "depot"),
        "gnupghome": side.keys["depot"].home,
    }


def test_a_generation(given: Dict[str, Any], run_module: Run, side: Side) -> None:
    result = run_module("depot", **given)
    assert (result["changed"], result["generation"], result["key_created"]) == (True, 1, False)
    assert result["public_key"].encode() == side.keys["depot"].public_key()
    assert result["fingerprint"] == side.keys["depot"].fingerprint
    assert result["files"][0]["path"] == "files/files/x"
    assert result["diff"]["after"] == "debian-12 app 1.0 8000\nfile x sha256 3a6eb0790f39 4\n"
    assert Path(result["path"], "index.html").exists()
    again = run_module("depot", **given)
    assert (again["changed"], again["objects_copied"], again["changes"]) == (False, 0, [])
    without = run_module("depot", **{**given, "media": [], "keyring": ""})
    assert (without["changed"], without["files"]) == (False, result["files"])


def test_check_mode_on_a_host_without_gpg(
    given: Dict[str, Any], run_module: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "gpg" else which(name))
    result = run_module("depot", check=True, **given)
    assert (result["changed"], result["public_key"], result["fingerprint"]) == (True, "", "")
    assert result["bytes_copied"] > 0
    assert result["files"]
    assert not Path(given["path"]).exists()


def test_failures_are_messages(given: Dict[str, Any], run_module: Run, side: Side) -> None:
    assert "No public key is given" in run_module("depot", **{**given, "keyring": ""})["msg"]
    assert "holds nothing yet" in run_module("depot", **{**given, "media": []})["msg"]
    assert "There is no bundle at" in run_module("depot", **{**given, "media": ["/nowhere"]})["msg"]
