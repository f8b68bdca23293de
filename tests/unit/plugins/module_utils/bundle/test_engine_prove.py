# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A generation is proven before anybody can use it: by apt itself, which resolves and finds everything, or it is not published."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Dict, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import prove
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.publish import apt
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.apt_judge import Apt
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

needs_apt = pytest.mark.skipif(not shutil.which("apt-get"), reason="apt is the judge")


@pytest.fixture
def made(side: Side) -> Side:
    side.now -= 3600
    side.upstream.add("app", "1:2.0~rc1-1+b1", Depends="lib (>= 2), tool | other")
    side.upstream.add("lib", "2.1", architecture="all", Multi_Arch="foreign")
    side.upstream.add("tool")
    side.upstream.add("one", Conflicts="two")
    side.upstream.add("two")
    return side


def without(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == program else which(name))


def place(side: Side) -> Path:
    return side.top / "depot/current"


@needs_apt
def test_proven(made: Side) -> None:
    made.bundle("app")
    result = made.publish(prove="always")
    (proof,) = result.proofs
    assert (proof["repository"], proof["proven"]) == ("apt/debian-12", True)
    assert proof["told"] == "apt would install the 1 packages named, with 2 that they need"
    assert json.loads((place(made) / "manifest.json").read_text())["proofs"] == result.proofs
    assert proof["told"] in (place(made) / "index.html").read_text()


@needs_apt
def test_a_depot_in_a_place_with_an_odd_name(made: Side) -> None:
    made.bundle("app")
    made.top = made.top / "a depot, really (100 %)"
    assert made.publish(prove="always").proofs[0]["proven"]


@needs_apt
def test_packages_that_exclude_each_other(made: Side) -> None:
    made.bundle("one", "two", "tool")
    assert made.publish(prove="always").proofs[0]["proven"]


@needs_apt
def test_what_was_left_out_of_the_closure_counts_as_there(made: Side) -> None:
    """The target has it: the lock says so, and the depot proves on the same terms."""
    made.bom["apt"] = [made.apt("app", exclude=["tool"], installed=["lib 2.1"])]
    made.upstream.publish()
    lock = made.lock().lock
    assert {item.name for item in lock.items if item.kind == "apt"} == {"app"}
    made.pack()
    assert (
        made.publish(prove="always").proofs[0]["told"]
        == "apt would install the 1 packages named, with 0 that they need"
    )


@needs_apt
def test_a_closure_that_is_wrong_is_not_published(made: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    made.bundle("tool")
    made.publish(prove="always")
    made.bundle("app", now=made.now + 60)
    monkeypatch.setattr(apt.aptrepo, "render_packages", without_lib(apt.aptrepo.render_packages))
    with pytest.raises(
        BundleError, match=r"apt/debian-12 is not published: apt does not find all packages in it: .*lib"
    ):
        made.publish(prove="auto")
    monkeypatch.setattr(prove, "_find_all", lambda apt, items: None)
    with pytest.raises(BundleError, match=r"apt would not install app from it: .*lib.*What was published before stays"):
        made.publish(prove="auto")
    assert (
        sorted(os.listdir(made.top / "depot/generations")) == [".newest", "1"]
        and os.readlink(place(made)) == "generations/1"
    )
    monkeypatch.undo()
    assert made.publish(prove="auto").generation == 2


def without_lib(real: Any) -> Any:
    def render(items: List[Any], *more: Any) -> bytes:
        return real([item for item in items if item.name != "lib"], *more)

    return render


@needs_apt
def test_an_index_of_another_hash(made: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    made.bundle("app")
    real = apt.aptrepo.render_packages

    def render(*given: Any) -> bytes:
        data: bytes = real(*given)
        start = data.index(b"SHA256: ") + 8
        return data[:start] + b"0" * 64 + data[start + 64 :]

    monkeypatch.setattr(apt.aptrepo, "render_packages", render)
    with pytest.raises(BundleError, match=r"apt does not find app 1:2\.0~rc1-1\+b1 in it"):
        made.publish(prove="auto")


@needs_apt
def test_a_signature_that_apt_does_not_take(made: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    made.bundle("app")
    monkeypatch.setattr(apt.aptrepo, "render_release", lambda **given: b"Origin: nowhere\n")
    with pytest.raises(BundleError, match=r"apt/debian-12 is not published: apt cannot read the index"):
        made.publish(prove="auto")
    assert not place(made).exists()


@needs_apt
def test_a_clock_that_is_behind(made: Side) -> None:
    made.now += 7200
    made.bundle("app")
    with pytest.raises(BundleError, match=r"apt cannot read the index: E: .* is not valid yet"):
        made.publish(prove="auto")


@needs_apt
def test_what_is_the_same_is_not_proven_again(made: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    made.bom["apt"] = [made.apt("tool", name="tools"), made.apt("app")]
    made.bundle()
    made.publish(prove="auto")
    asked: List[str] = []
    real = Apt.update

    def update(self: Apt) -> None:
        asked.append(Path(self.config).read_text())
        real(self)

    made.upstream.add("app", "1:3")
    made.upstream.publish()
    made.lock(now=made.now + 60)
    made.pack()
    monkeypatch.setattr(Apt, "update", update)
    told = made.publish(prove="auto").proofs
    assert len(asked) == 1 and [row["proven"] for row in told] == [True, True]


def test_where_apt_is_not_at_hand(made: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    made.bundle("app")
    without(monkeypatch, "apt-get")
    with pytest.raises(BundleError, match=r"apt/debian-12 cannot be proven: apt-get is not on this host"):
        made.publish(prove="always")
    assert not place(made).exists()
    told: Dict[str, Any] = made.publish(prove="auto").proofs[0]
    assert (told["proven"], told["told"]) == (False, "apt-get is not on this host")


@needs_apt
def test_proven_later_where_it_was_not(made: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    made.bundle("app")
    made.publish(prove="never")
    made.bom["files"] = [made.file("x", b"x")]
    made.lock(now=made.now + 60)
    made.pack()
    assert made.publish(prove="auto").proofs[0]["proven"]


@needs_apt
def test_two_bundles_of_one_repository_are_one_subject(made: Side) -> None:
    made.bundle("app")
    made.publish(prove="always")
    made.bom = {"name": "more", "apt": [made.apt("tool", "one")]}
    made.lock_path = str(made.top / "work/more.lock.json")
    made.lock()
    made.pack()
    result = made.publish(Path(made.output) / "more", prove="always")
    assert result.proofs[0]["told"] == "apt would install the 3 packages named, with 1 that they need"


def client_of(made: Side, folder: Path) -> Apt:
    """A host that has taken in what the depot has now."""
    key = shutil.copy(place(made) / "depot-key.asc", folder / "key.asc")
    line = f"deb [signed-by={key}] file:{place(made)}/apt/debian-12 debian-12 main\n"
    client = Apt(str(folder / "client"), sources=line, architecture="amd64")
    client.update()
    return client


@needs_apt
def test_a_client_follows_a_rollback(made: Side, tmp_path: Path) -> None:
    """apt ignores an index that is dated before its own: the link alone, switched back, would leave it without packages."""
    made.bundle("app")
    made.publish(keep=0)
    client = client_of(made, tmp_path)
    made.upstream.add("app", "1:3.0")
    made.bundle("app", now=made.now + 600)
    made.publish(keep=0)
    os.utime(place(made) / "apt/debian-12/dists/debian-12/InRelease", (made.now, made.now))
    client.update()
    assert client.install(["app"])[0]["app"] == "1:3.0"
    made.depot(keep=0).roll_back(None, now=made.now + 900)
    client.update()
    assert client.install(["app"])[0] == {"app": "1:2.0~rc1-1+b1", "lib": "2.1", "tool": "1.0"}
    status, said = client.run("--yes", "--print-uris", "install", "app")
    assert status == 0 and "pool/app_2.0" in said


@needs_apt
def test_a_client_follows_another_title(made: Side, tmp_path: Path) -> None:
    """apt takes no repository any more that says it is from somebody else than before."""
    made.bundle("app")
    made.publish(keep=0)
    client = client_of(made, tmp_path)
    assert made.publish(keep=0, title="Depot of the site").generation == 2
    made.upstream.add("app", "1:3.0")
    made.bundle("app", now=made.now + 600)
    made.publish(keep=0, title="Depot of the site")
    client.update()
    assert client.install(["app"])[0]["app"] == "1:3.0"
