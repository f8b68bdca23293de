# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Files: hashed, copied, replaced and locked so that a run can be killed at any moment and simply be run again."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import posixpath
import re
import shutil
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, Callable, Iterator, List, Optional, Sequence, Tuple

from .errors import BundleError

CHUNK = 1 << 20
THREADS = min(4, os.cpu_count() or 1)  # that read from one disk at a time
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SAFE_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~=@-]*")


def is_sha256(text: object) -> bool:
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def is_safe_relative(path: object) -> bool:
    """Whether a path stays inside the directory it is joined to, on any file system a medium may have."""
    if not isinstance(path, str) or len(path) > 1024:
        return False
    parts = path.split("/")
    return posixpath.normpath(path) == path and all(_SAFE_PART.fullmatch(part) for part in parts)


def sha256_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_stream(source: BinaryIO, sink: Optional[Callable[[bytes], object]] = None) -> Tuple[str, int]:
    """Hash what a file holds from its position on, handing each piece to the sink as it is read."""
    digest, size = hashlib.sha256(), 0
    while True:
        piece = source.read(CHUNK)
        if not piece:
            return digest.hexdigest(), size
        digest.update(piece)
        size += len(piece)
        if sink is not None:
            sink(piece)


def open_plain(path: str) -> BinaryIO:
    """Open for reading, but only a regular file that is not reached through a symbolic link in its last part."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise BundleError(f"{path} is a symbolic link; a plain file is needed there.") from error
        raise BundleError(f"Cannot read {path}: {error.strerror}.") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BundleError(f"{path} is not a plain file.")
    return os.fdopen(descriptor, "rb")


def read_plain(path: str, *, limit: int = 256 * CHUNK) -> bytes:
    with open_plain(path) as handle:
        data = handle.read(limit + 1)
    if len(data) > limit:
        raise BundleError(f"{path} is larger than the {limit} bytes expected at most of such a file.")
    return data


def sha256_file(path: str) -> Tuple[str, int]:
    with open_plain(path) as handle:
        return sha256_stream(handle)


def hash_all(paths: Sequence[str]) -> List[str]:
    """The sha256 of each file, several at a time; nothing for one that its disk does not give back."""

    def digest(path: str) -> str:
        try:
            return sha256_file(path)[0]
        except OSError:
            return ""

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(digest, paths))


def remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def make_directory(path: str) -> None:
    os.makedirs(path, exist_ok=True)


@contextlib.contextmanager
def leaving_nothing(path: str) -> Iterator[None]:
    """What cannot be written to its end goes again, so that a full disk is not full of what is of no use."""
    try:
        yield
    except OSError as error:
        remove(path)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BundleError(
                f"There is no room for {path}: {error.strerror}. Make room, then run again; what is finished is kept."
            ) from error
        raise


def write_atomic(path: str, data: bytes, *, mode: int = 0o644) -> None:
    """Replace a file by one rename; a reader sees the old content or the new, never a part."""
    make_directory(os.path.dirname(path))
    fresh = f"{path}.new"
    remove(fresh)
    with leaving_nothing(fresh), open(fresh, "xb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    os.chmod(fresh, mode)
    os.replace(fresh, path)


def has_content(path: str, data: bytes) -> bool:
    try:
        with open_plain(path) as handle:
            return handle.read(len(data) + 1) == data
    except BundleError:
        return False


def write_if_changed(path: str, data: bytes) -> bool:
    """Write only when the content differs. Returns whether it wrote."""
    if has_content(path, data):
        return False
    write_atomic(path, data)
    return True


def copy_verified(source: str, target: str, *, sha256: str, size: int) -> None:
    """Copy and hash in one read; the target appears under its name only when the content is the promised one."""
    fresh = f"{target}.new"
    with leaving_nothing(fresh), open_plain(source) as reader, open(fresh, "wb") as writer:
        found = sha256_stream(reader, writer.write)
        writer.flush()
        os.fsync(writer.fileno())
    if found != (sha256, size):
        remove(fresh)
        raise BundleError(
            f"{source} is damaged or was changed: it has {found[1]} bytes with sha256 {found[0]}, "
            f"expected are {size} bytes with sha256 {sha256}."
        )
    os.chmod(fresh, 0o444)
    os.replace(fresh, target)


def link_or_copy(source: str, target: str, *, sha256: str, size: int) -> None:
    """A hard link where the file system has them, else a verified copy."""
    make_directory(os.path.dirname(target))
    fresh = f"{target}.new"
    remove(fresh)
    try:
        os.link(source, fresh)
        os.replace(fresh, target)
    except OSError:
        copy_verified(source, target, sha256=sha256, size=size)
    remove(fresh)  # a rename between two links of one file leaves both names


def link_tree(source: str, target: str) -> None:
    """A second directory of the same files: nothing is copied but where the file system has no more room for links."""
    for folder, _folders, names in os.walk(source):
        there = os.path.normpath(os.path.join(target, os.path.relpath(folder, source)))
        make_directory(there)
        for name in names:
            found, fresh = os.path.join(folder, name), os.path.join(there, name)
            try:
                os.link(found, fresh)
            except OSError:
                shutil.copy2(found, fresh)


def require_space(path: str, size: int) -> None:
    """Fail before the work rather than in the middle of it."""
    make_directory(path)
    free = shutil.disk_usage(path).free
    if size > free:
        raise BundleError(f"{path} has {free} bytes free, but {size} are needed. Make room, or choose another place.")


def size_of(path: str) -> Optional[int]:
    """The size of a plain file, None for everything else."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


@contextlib.contextmanager
def exclusive(path: str, *, timeout: float = 60.0, pause: float = 0.2) -> Iterator[None]:
    """Hold a lock the kernel drops when the holder dies, so that no stale lock ever has to be removed by hand."""
    make_directory(os.path.dirname(path))
    deadline = time.monotonic() + timeout
    with open(path, "ab") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() >= deadline:
                    raise BundleError(
                        f"Another run holds {path}; waited {timeout:g} seconds for it. Let it finish, then run again."
                    ) from None
                time.sleep(pause)
        yield


def dump_lines(document: Any) -> bytes:
    """JSON with sorted keys and one list item per line: reviews and diffs read like a table."""
    lines = ["{"]
    keys = sorted(document)
    for position, key in enumerate(keys):
        comma = "," if position < len(keys) - 1 else ""
        value = document[key]
        if isinstance(value, list) and value:
            rows = ",\n".join(f"  {_compact(row)}" for row in value)
            lines.append(f" {json.dumps(key)}: [\n{rows}\n ]{comma}")
        else:
            lines.append(f" {json.dumps(key)}: {_compact(value)}{comma}")
    return ("\n".join(lines) + "\n}\n").encode()


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True)


def load_object(data: bytes, what: str) -> dict[str, Any]:
    """The JSON object in data, or a sentence that names what was being read."""
    try:
        document = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{what} is not readable JSON: {error}.") from error
    if not isinstance(document, dict):
        raise BundleError(f"{what} is not a JSON object.")
    return document
