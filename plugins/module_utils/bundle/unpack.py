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
from typing import Any, BinaryIO, Callable, Dict, Iterator

from . import fsutil
from .errors import BundleError

_MACHINES: Dict[str, Callable[[], Any]] = {".xz": lzma.LZMADecompressor, ".bz2": bz2.BZ2Decompressor}
ENDINGS = (".gz", *_MACHINES, ".zst")
_PIECE = 4 * fsutil.CHUNK  # large, as threads that take turns wait for each other at each


def ending_of(name: str) -> str:
    """How a file is compressed, by its name; nothing for a plain one."""
    return next((ending for ending in ENDINGS if name.endswith(ending)), "")


def unpack(packed: str, target: str, *, ending: str, limit: int, what: str) -> None:
    """Decompress a file into another, which appears under its name only when it is whole."""
    fsutil.make_directory(os.path.dirname(target))
    fresh = f"{target}.new"
    try:
        with open(fresh, "wb") as sink:
            for piece in unpacked(packed, ending=ending, limit=limit, what=what):
                sink.write(piece)
            sink.flush()
            os.fsync(sink.fileno())
        os.replace(fresh, target)
    finally:
        fsutil.remove(fresh)


def unpacked(packed: str, *, ending: str, limit: int, what: str) -> Iterator[bytes]:
    """What a file is when it is decompressed, piece by piece."""
    size = 0
    try:
        with _opened(packed, ending, what) as source:
            machine = _MACHINES.get(ending)
            for piece in _streams(source, machine) if machine else iter(lambda: source.read(_PIECE), b""):
                size += len(piece)
                if size > limit:
                    raise BundleError(
                        f"Cannot decompress {what}: it becomes larger than the {limit} bytes that it may have."
                    )
                yield piece
    except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        if getattr(error, "errno", None) is not None:  # the disk, not the data
            raise
        raise BundleError(f"Cannot decompress {what}: {error}.") from error


def _streams(source: BinaryIO, machine: Callable[[], Any]) -> Iterator[bytes]:
    """What a file of compressed streams holds. The library's own files do it in a hundred times as many steps."""
    working = machine()
    while True:
        data = b""
        if working.eof:
            data = working.unused_data.lstrip(b"\0")  # padding between streams
            while not data:
                piece = source.read(fsutil.CHUNK)
                if not piece:
                    return
                data = piece.lstrip(b"\0")
            working = machine()
        elif working.needs_input:
            data = source.read(fsutil.CHUNK)
            if not data:
                raise EOFError("it ends in the middle")
        piece = working.decompress(data, _PIECE)
        if piece:
            yield piece


@contextmanager
def _opened(packed: str, ending: str, what: str) -> Iterator[Any]:
    if ending != ".zst":
        source = (gzip.open if ending == ".gz" else open)(packed, "rb")
        try:
            yield source
        finally:
            source.close()
        return
    program = shutil.which("zstd")
    if program is None:
        raise BundleError(f"Cannot decompress {what}: install zstd on this machine.")
    # The engine imports nothing of Ansible, hence no run_command.
    # pylint: disable-next=ansible-bad-function
    with subprocess.Popen([program, "-dcq", packed], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        whole = False
        try:
            yield running.stdout
            whole = True
        finally:
            if not whole:
                running.kill()
        told = running.stderr.read() if running.stderr is not None else b""
        if running.wait():
            raise BundleError(f"Cannot decompress {what}: {told.decode('utf-8', 'replace').strip()}.")
