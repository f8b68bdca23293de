# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""bundle_signature as Ansible runs it: nothing crosses that only one person has agreed to."""

from __future__ import annotations

from typing import Any, Callable, Dict

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side
from ansible_collections.fieldops.mattermost.tests.unit.volumes_side import Volumes, tree

Run = Callable[..., Dict[str, Any]]


@pytest.fixture
def made(side: Side) -> Volumes:
    made = Volumes(side)
    made.make()
    return made


@pytest.fixture
def given(made: Volumes) -> Dict[str, Any]:
    keyring = f"{made.side.output}/bundle-key.asc"
    return {"path": [str(made.path)], "keyring": keyring, "gnupghome": made.side.keys["stranger"].home}


@pytest.fixture
def both(made: Volumes) -> str:
    """What the isolated side has: the keys of two persons in one file."""
    path = made.side.top / "both.asc"
    path.write_bytes(made.side.keys["bundle"].public_key() + made.side.keys["stranger"].public_key())
    return str(path)


def test_two_persons(made: Volumes, given: Dict[str, Any], both: str, run_module: Run) -> None:
    names = {made.side.keys[name].fingerprint for name in ("bundle", "stranger")}
    look = {"path": given["path"], "keyring": both, "required_signers": 2}
    assert "is signed by 1 of the 2 keys that have to sign it" in run_module("bundle_info", **look)["msg"]
    before = tree(made.path)
    result = run_module("bundle_signature", check=True, **given)
    assert result["changed"] is True and len(result["signed"]) == len(made.names()) and tree(made.path) == before
    result = run_module("bundle_signature", **given)
    assert (result["changed"], set(result["signers"]), result["missing_volumes"]) == (True, names, [])
    assert result["fingerprint"] == made.side.keys["stranger"].fingerprint
    after = tree(made.path)
    assert {name for name in after if after[name] != before[name]} == {f"{name}/root.json.asc" for name in made.names()}
    assert set(run_module("bundle_info", **look)["signers"]) == names
    again = run_module("bundle_signature", **given)
    assert (again["changed"], again["signed"]) == (False, [])
    assert run_module("bundle_info", path=given["path"], keyring=given["keyring"])["signers"] == [
        made.side.keys["bundle"].fingerprint
    ]


def test_the_maker_keeps_the_second_signature(made: Volumes, given: Dict[str, Any], run_module: Run) -> None:
    run_module("bundle_signature", **given)
    before = tree(made.path)
    assert not made.pack().changed
    (made.path / "volume-001/root.json.asc").unlink()
    assert made.pack().changed
    assert tree(made.path) == before


def test_one_medium_at_a_time(made: Volumes, given: Dict[str, Any], both: str, run_module: Run) -> None:
    first, second = made.medium("volume-001"), made.medium("volume-002")
    result = run_module("bundle_signature", **{**given, "path": [str(first)]})
    assert [path.rpartition("/")[2] for path in result["signed"]] == ["volume-001"] and "volume-002" in result[
        "missing_volumes"
    ]
    look = {"keyring": both, "required_signers": 2}
    assert "of the 2 keys" in run_module("bundle_info", path=[str(second)], **look)["msg"]
    assert len(run_module("bundle_info", path=[str(second), str(first)], **look)["signers"]) == 2
    assert (run_module("bundle_signature", **{**given, "path": [str(first), str(second)]}))["changed"] is True


def test_signing_twice_with_one_key_is_not_two(made: Volumes, given: Dict[str, Any], run_module: Run) -> None:
    given["gnupghome"] = made.side.keys["bundle"].home
    assert run_module("bundle_signature", **given)["changed"] is False
    for name in made.names():
        signature = made.path / name / "root.json.asc"
        signature.write_bytes(signature.read_bytes() * 2)
    look = {"path": given["path"], "keyring": given["keyring"], "required_signers": 2}
    assert "is signed by 1 of the 2 keys" in run_module("bundle_info", **look)["msg"]


def test_a_run_that_was_killed(made: Volumes, given: Dict[str, Any], run_module: Run) -> None:
    (made.path / "volume-001/root.json.asc.new").write_bytes(b"half of it")
    assert "unexpected: root.json.asc.new" in run_module("bundle_signature", check=True, **given)["msg"]
    assert run_module("bundle_signature", **given)["changed"] is True
    assert made.inspect().missing_volumes == []


def test_what_is_damaged_is_not_signed(made: Volumes, given: Dict[str, Any], run_module: Run) -> None:
    victim = next((made.path / "volume-002/objects").rglob("*/*/*"))
    data = victim.read_bytes()
    victim.unlink()
    victim.write_bytes(b"X" + data[1:])
    before = tree(made.path)
    assert "damaged: objects/" in run_module("bundle_signature", **given)["msg"]
    assert tree(made.path) == before
    given["gnupghome"] = "/nowhere"
    assert "no usable secret signing key" in run_module("bundle_signature", **given)["msg"]


def test_a_signature_that_does_not_come_out_good(
    made: Volumes, given: Dict[str, Any], run_module: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(made.side.keys["stranger"])
    monkeypatch.setattr(kind, "sign", lambda *args, **more: made.side.keys["stranger"].public_key())
    before = tree(made.path)
    assert "The signature that key" in run_module("bundle_signature", **given)["msg"]
    assert tree(made.path) == before
