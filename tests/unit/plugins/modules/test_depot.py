# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""depot as Ansible runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

Run = Callable[..., Dict[str, Any]]


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


def test_prune_and_roll_back(given: Dict[str, Any], run_module: Run, side: Side) -> None:
    given["prove"] = "never"  # apt would say, rightly, that the second bundle is of a minute that has not come yet
    run_module("depot", **given)
    side.upstream.add("app", "2.0")
    side.upstream.publish()
    side.lock(now=side.now + 60)
    side.pack()
    assert run_module("depot", **given)["generation"] == 2
    where = {"path": given["path"], "gnupghome": given["gnupghome"], "prove": "never"}
    told = run_module("depot", check=True, state="rolled_back", generation=1, **where)
    assert (told["changed"], told["generation"]) == (True, 3)
    assert "debian-12 app 1.0 8000" in told["diff"]["after"]
    assert run_module("depot", state="rolled_back", keep=0, **where)["generation"] == 3
    assert not run_module("depot", state="rolled_back", keep=0, **where)["changed"]
    assert "Generation 9 is not in the depot" in run_module("depot", state="rolled_back", generation=9, **where)["msg"]

    plan = {"path": given["path"], "plan": str(side.top / "plan.json"), "keep": 1}
    written = run_module("depot", state="prune_planned", **plan)
    assert (written["changed"], written["removed_generations"], written["generation"]) == (True, [1, 2], 3)
    assert written["removed_objects"] > 0 and written["removed_bytes"] > 8000
    assert not run_module("depot", state="prune_planned", **plan)["changed"]
    done = run_module("depot", state="pruned", **plan)
    same = ("changed", "generation", "removed_generations", "removed_objects", "removed_bytes")
    assert [done[name] for name in same] == [written[name] for name in same]
    assert not run_module("depot", state="pruned", **plan)["changed"]
    assert "plan" in run_module("depot", state="pruned", path=given["path"])["msg"]


def test_a_depot_that_is_fed_from_another(given: Dict[str, Any], run_module: Run, side: Side) -> None:
    run_module("depot", **given)
    second = {**given, "media": [], "path": str(side.top / "second"), "feed_from": given["path"]}
    result = run_module("depot", **second)
    assert (result["changed"], result["generation"]) == (True, 1)
    assert not run_module("depot", **second)["changed"]
    assert "No public key is given" in run_module("depot", **{**second, "keyring": ""})["msg"]
    assert "is no depot to be fed from" in run_module("depot", **{**second, "feed_from": "nowhere"})["msg"]


def test_a_bundle_that_is_not_complete_is_a_warning(given: Dict[str, Any], run_module: Run, side: Side) -> None:
    side.bom["files"] = [side.file("x", bytes(range(256)) * 4000), side.file("y", b"y" * 300_000)]
    side.lock()
    side.pack(volume_size=400_000)
    volumes = sorted(str(path) for path in side.volume.parent.glob("volume-*"))
    assert len(volumes) > 2
    result = run_module("depot", **{**given, "media": volumes[:-1]})
    assert (result["changed"], result["generation"]) == (True, 0)
    last = Path(volumes[-1]).name
    assert result["incomplete"][0]["missing_volumes"] == [last]
    assert f"{last} is missing" in str(result.get("warnings", result["incomplete"][0]["text"]))
    assert run_module("depot", **{**given, "media": volumes[-1:]})["generation"] == 1
