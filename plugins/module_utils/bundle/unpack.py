# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Decompression that stops where it was told to: a few bytes from outside must not become a full disk."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import subprocess
import zlib
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator

from . import fsutil
from .errors import BundleError

_OPEN: Dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
ENDINGS = (*_OPEN, ".zst")


def ending_of(name: str) -> str:
    """How a file is compressed, by its name; nothing for a plain one."""
    return next((ending for ending in ENDINGS if name.endswith(ending)), "")


def unpack(packed: str, target: str, *, ending: str, limit: int, what: str) -> None:
    """Decompress a file into another, which appears under its name only when it is whole."""
    fsutil.make_directory(os.path.dirname(target))
    fresh = f"{target}.new"
    size = 0
    try:
        with _opened(packed, ending, what) as source, open(fresh, "wb") as sink:
            for piece in iter(lambda: source.read(fsutil.CHUNK), b""):
                size += len(piece)
                if size > limit:
                    raise BundleError(
                        f"{what} is more than the {limit} bytes expected at most when it is decompressed."
                    )
                sink.write(piece)
            sink.flush()
            os.fsync(sink.fileno())
        os.replace(fresh, target)
    except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        if getattr(error, "errno", None) is not None:  # the disk, not the data
            raise
        raise BundleError(f"Cannot decompress {what}: {error}.") from error
    finally:
        fsutil.remove(fresh)


@contextmanager
def _opened(packed: str, ending: str, what: str) -> Iterator[Any]:
    if ending != ".zst":
        with _OPEN.get(ending, open)(packed, "rb") as source:
            yield source
        return
    program = shutil.which("zstd")
    if program is None:
        raise BundleError(f"Cannot decompress {what}: install zstd on this machine.")
    # The engine imports nothing of Ansible, hence no run_command.
    # pylint: disable-next=ansible-bad-function
    with subprocess.Popen([program, "-dcq", packed], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        try:
            yield running.stdout
        except BundleError:
            running.kill()
            raise
        told = running.stderr.read() if running.stderr is not None else b""
        if running.wait():
            raise BundleError(f"Cannot decompress {what}: {told.decode('utf-8', 'replace').strip()}.")
