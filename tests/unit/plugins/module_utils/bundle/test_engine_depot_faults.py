# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A depot that is killed at any point, runs out of room, or is asked twice at once: the same result in the end."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import fsutil
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.depot import Depot
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.tests.unit.dying import KILLED, in_child
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side
from ansible_collections.fieldops.mattermost.tests.unit.volumes_side import Volumes


@pytest.fixture
def made(side: Side) -> Side:
    """A depot with one generation, and media that make it remove that and publish another."""
    made = Volumes(side)
    made.make()
    side.publish(made.path)
    made.add("file-1", 91_000, seed="new")
    made.add("large", 900_000, seed="new")
    side.upstream.add("app", "2.0", Depends="lib")
    made.make(later=60)
    return side


def media(side: Side) -> List[str]:
    return [str(path) for path in sorted((Path(side.output) / "site").glob("volume-*"))]


def publish(side: Side, root: Path) -> None:
    depot = Depot(str(root), key=side.keys["depot"], prove="never", keep=1)
    depot.publish(media(side), side.ring, now=side.now + 60)


def copy(side: Side, name: str) -> Path:
    """The depot as it was, links and all."""
    target = side.top / name
    subprocess.run(["cp", "-a", str(side.top / "depot"), str(target)], check=True)
    return target


def state(root: Path) -> Dict[str, Any]:
    """All of a depot: files, links, and what is one file under two names."""
    found: Dict[str, Any] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file() and name != ".lock":
            found[name] = (path.read_bytes(), path.stat().st_nlink)
    return found


def test_killed_at_twenty_points_of_an_import(made: Side) -> None:
    whole = copy(made, "whole")
    status, steps = in_child(lambda: publish(made, whole))
    assert status == 0 and steps > 100
    wanted = state(whole)
    assert wanted["current"] == "generations/2" and "generations/1/manifest.json" not in wanted
    before = state(made.top / "depot")
    points = [*random.Random(4).sample(range(1, steps), 18), steps - 1, steps]
    seen = set()
    for point in points:
        root = copy(made, f"killed-{point}")
        assert in_child(lambda root=root: publish(made, root), point)[0] == KILLED  # type: ignore[misc]
        left = state(root)
        published = left["current"]
        seen.add(published)
        folder = f"generations/{published[-1]}/"
        complete = before if published == "generations/1" else wanted
        assert {name: told[0] for name, told in left.items() if name.startswith(folder)} == {
            name: told[0] for name, told in complete.items() if name.startswith(folder)
        }, f"what is published is whole after {point} of {steps} steps"
        publish(made, root)
        assert state(root) == wanted, f"after {point} of {steps} steps"
        shutil.rmtree(root)
    assert seen == {"generations/1", "generations/2"}


def test_killed_while_one_volume_of_several_comes_in(made: Side) -> None:
    first = media(made)[0]

    def take(root: Path, *paths: str) -> None:
        depot = Depot(str(root), key=made.keys["depot"], prove="never", keep=1)
        depot.publish(list(paths), made.ring, now=made.now + 60)

    whole = copy(made, "whole")
    status, steps = in_child(lambda: take(whole, first))
    assert status == 0
    wanted = state(whole)
    for point in random.Random(4).sample(range(1, steps), 5):
        root = copy(made, f"killed-{point}")
        assert in_child(lambda root=root: take(root, first), point)[0] == KILLED  # type: ignore[misc]
        take(root, first)
        assert state(root) == wanted, f"after {point} of {steps} steps"
        publish(made, root)
        assert state(root)["current"] == "generations/2"
        shutil.rmtree(root)


def test_killed_while_generations_are_pruned(made: Side, tmp_path: Path) -> None:
    made.depot(keep=0).publish(media(made), made.ring, now=made.now + 60)
    path = str(tmp_path / "plan")
    made.depot(keep=1).plan(path)
    whole = copy(made, "whole")
    status, steps = in_child(lambda: Depot(str(whole), key=None).prune(path) and None)
    assert status == 0
    wanted = state(whole)
    for point in random.Random(4).sample(range(1, steps + 1), 6):
        root = copy(made, f"killed-{point}")
        assert in_child(lambda root=root: Depot(str(root), key=None).prune(path) and None, point)[0] == KILLED  # type: ignore[misc]
        Depot(str(root), key=None).prune(path)
        assert state(root) == wanted, f"after {point} of {steps} steps"
        shutil.rmtree(root)


def test_two_runs_at_once(made: Side) -> None:
    root = copy(made, "both")
    children = []
    for _number in range(2):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                publish(made, root)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
    whole = copy(made, "whole")
    publish(made, whole)
    assert state(root) == state(whole), "one published, the other found nothing to do"


def test_a_run_that_another_one_keeps_waiting(made: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    real = fsutil.exclusive
    monkeypatch.setattr(fsutil, "exclusive", lambda path: real(path, timeout=0.1, pause=0.01))
    before = state(made.top / "depot")
    with real(str(made.top / "depot/.lock")), pytest.raises(BundleError, match=r"Another run holds .*depot/\.lock"):
        publish(made, made.top / "depot")
    assert state(made.top / "depot") == before


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A file system with so many kilobytes of room."""
    place = tmp_path / "small"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root mounts a file system")

    def mount(kilobytes: int) -> Path:
        options = ["-t", "tmpfs", "-o", f"size={kilobytes}k"]
        if subprocess.run(["mount", *options, "tmpfs", str(place)], check=False, capture_output=True).returncode:
            pytest.skip("no file system may be mounted here")
        return place

    yield mount
    subprocess.run(["umount", str(place)], check=False, capture_output=True)


def test_a_disk_that_is_full(made: Side, small: Callable[[int], Path]) -> None:
    place = small(3200)
    root = place / "depot"
    subprocess.run(["cp", "-a", str(made.top / "depot"), str(root)], check=True)
    ballast = place / "ballast"
    before = state(root)
    full = shutil.disk_usage(place).free
    ballast.write_bytes(b"x" * (full - 500_000))
    with pytest.raises(BundleError, match=r"bytes free, but \d+ are needed\. Make room"):
        publish(made, root)
    assert state(root) == before, "told before anything is written"
    depot = Depot(str(root), key=None, prove="never")
    needed = depot.publish(media(made), made.ring, now=made.now + 60, check=True).bytes_copied
    published = {name: told for name, told in before.items() if name.startswith(("generations/1/", "current"))}
    room = 0
    failures = []
    while "generations/2/manifest.json" not in state(root):
        room += 8_000
        os.truncate(ballast, full - needed - room)
        try:
            publish(made, root)
        except BundleError as error:
            failures.append(str(error))
            left = state(root)
            assert left["current"] == "generations/1"
            assert {name: left[name][0] for name in published if name != "current"} == {
                name: told[0] for name, told in published.items() if name != "current"
            }
            assert not [name for name in left if name.endswith(".new") or ".building" in name], failures
    assert any("No space left on device. Make room, then run again" in failure for failure in failures), failures
    ballast.unlink()
    assert state(root)["current"] == "generations/2"
