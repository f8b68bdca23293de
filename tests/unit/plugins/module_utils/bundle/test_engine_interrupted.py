# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds that are killed at any point, and disks that are full: the next run comes to what an uninterrupted one does."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import fsutil
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.tests.unit.dying import KILLED, in_child
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side
from ansible_collections.fieldops.mattermost.tests.unit.volumes_side import SIZE, Volumes, tree

# A build of its own, slowed down so that every step is long enough to be killed in.
BUILD = """
import os, sys, time
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import fsutil
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import SigningKey
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.pack import Packer
lock, store, output, home, size = sys.argv[1:]
for name in ("replace", "link", "unlink", "fsync"):
    call = getattr(os, name)
    setattr(os, name, lambda *a, call=call, **k: (time.sleep(0.004), call(*a, **k))[1])
Packer(lock_path=lock, store=store, output=output, key=SigningKey.find(home), volume_size=int(size)).run()
"""


def build(made: Volumes, *, kill_after: float = -1.0) -> float:
    """Run it, perhaps to a point. Returns how long it took."""
    side = made.side
    argv = [side.lock_path, side.store, side.output, side.keys["bundle"].home, str(made.size)]
    started = time.monotonic()
    child = subprocess.Popen([sys.executable, "-c", BUILD, *argv], stderr=subprocess.PIPE)
    try:
        _out, err = child.communicate(timeout=kill_after if kill_after >= 0 else 120)
        assert child.returncode == 0, err.decode()
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        child.communicate()
    return time.monotonic() - started


def killed(side: Side, points: int) -> None:
    made = Volumes(side, size=1_000_000)
    for number in range(20):  # in all far more than may be fetched twice
        made.add(f"more-{number}", 150_000)
    made.lock()
    length = build(made)
    wanted = tree(made.path)
    sent: List[int] = []
    plain = side.web.send

    def counted(handler, status, body, headers=None):  # type: ignore[no-untyped-def]
        sent.append(len(body))
        plain(handler, status, body, headers)

    side.web.send = counted  # type: ignore[method-assign]
    total = sum(len(data) for data in made.files.values())
    generator = random.Random(points)
    for _point in range(points):
        shutil.rmtree(side.store)
        shutil.rmtree(side.output)
        sent.clear()
        build(made, kill_after=generator.uniform(0.1, 1.0) * length)
        build(made)
        assert tree(made.path) == wanted
        assert sum(sent) <= total + 20_000 + (2 << 20)
        assert not [path for path in Path(side.store).rglob("*") if path.suffix in (".new", ".part")]
        assert made.inspect().missing_volumes == []


def test_killed_at_a_few_points_of_a_build(side: Side) -> None:
    killed(side, 3)


@pytest.mark.slow
def test_killed_at_twenty_points_of_a_build(side: Side) -> None:
    killed(side, 20)


def test_killed_while_a_lock_is_made(side: Side) -> None:
    """What is there afterwards is the lock of before or the new one, and the next run comes to the new one."""
    made = Volumes(side)
    made.lock()
    side.bom["files"].append(side.file("odd", b"x" * 300_000, unverified={"reason": "a test"}))
    side.upstream.add("app", "2.0", Depends="lib")
    side.upstream.publish()
    before = Path(side.lock_path).read_bytes()
    shutil.copytree(side.store, side.top / "kept/store")
    shutil.copytree(Path(side.lock_path).parent, side.top / "kept/work")

    def renew() -> None:
        side.lock(now=side.now + 60)

    status, steps = in_child(renew)
    assert status == 0 and steps > 50
    wanted = tree(Path(side.lock_path).parent)
    stored = set(tree(Path(side.store)))
    for point in [*random.Random(4).sample(range(1, steps), 9), steps]:
        for kept, place in (("store", side.store), ("work", str(Path(side.lock_path).parent))):
            shutil.rmtree(place)
            shutil.copytree(side.top / "kept" / kept, place)
        assert in_child(renew, point)[0] == KILLED
        assert Path(side.lock_path).read_bytes() in (before, wanted[os.path.basename(side.lock_path)]), point
        renew()
        assert tree(Path(side.lock_path).parent) == wanted and set(tree(Path(side.store))) == stored, point


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system that is soon full."""
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(place)], check=False)
    if done.returncode:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_an_output_that_is_too_small(side: Side, small: Path) -> None:
    made = Volumes(side)
    made.lock()
    side.output = str(small)
    with pytest.raises(BundleError, match=r"has [0-9]+ bytes free, but [0-9]+ are needed. Make room"):
        made.pack()
    assert not list(small.rglob("root.json"))


def test_an_output_that_fills_up(side: Side, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something else takes the room after it was found to be enough."""
    made = Volumes(side)
    del made.files["large"]
    made.lock()
    side.output = str(small)
    (small / "other").write_bytes(b"x" * 900_000)
    with monkeypatch.context() as patched:
        patched.setattr(fsutil, "require_space", lambda path, size: None)
        with pytest.raises(BundleError, match=r"No space left on device|There is no room for"):
            made.pack()
    (small / "other").unlink()
    assert made.pack().changed
    assert made.inspect().missing_volumes == []
    assert not list(small.rglob("*.new"))


def test_a_store_that_is_too_small(side: Side, small: Path) -> None:
    made = Volumes(side)
    made.add("larger", 1_000_000)
    made.lock()
    side.store = str(small / "store")
    with pytest.raises(BundleError, match=r"has [0-9]+ bytes free, but [0-9]+ are needed. Make room"):
        made.pack(volume_size=None)
    assert not os.path.exists(side.output) or not list(Path(side.output).rglob("root.json"))


def test_volumes_fit_media_of_their_size(side: Side, tmp_path: Path) -> None:
    """Copied to a file system of exactly that size, by a tool that knows nothing of bundles."""
    made = Volumes(side)
    made.make()
    for name in made.names():
        place = tmp_path / "medium"
        place.mkdir(exist_ok=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE // 4096 * 4096}", "tmpfs", str(place)], check=False
        )
        if done.returncode:
            pytest.skip("mounting is not allowed here")
        try:
            subprocess.run(["cp", "-r", str(made.path / name), str(place)], check=True)
            assert made.inspect(place).volumes[0].index.volume == name
        finally:
            subprocess.run(["umount", str(place)], check=True)
