# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Fetching for bundles: conditional requests, downloads that resume inside a file, patience with bad networks."""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import time
from dataclasses import dataclass, field
from io import RawIOBase
from typing import Any, Callable, Iterator, Mapping, Optional, Tuple, TypeVar

from . import fsutil
from .access import Keychain
from .errors import BundleError
from .pace import Pace, TransientError
from .transport import Body, Transport, doing_of, local_path

T = TypeVar("T")
_VALIDATORS = {"etag": "ETag", "last_modified": "Last-Modified"}
_QUESTIONS = {"etag": "If-None-Match", "last_modified": "If-Modified-Since"}

_NO_HEAD = (403, 405, 501)  # servers that know only GET, or sign their URLs for it


@dataclass(frozen=True)
class Reply:
    """What a small request brought; status 304 means that the copy already held is still the newest."""

    status: int
    body: bytes
    validators: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case


@dataclass(frozen=True)
class Fetched:
    """A finished download."""

    sha256: str
    size: int
    validators: Mapping[str, str]
    resumed: bool = False


def _quiet(position: int) -> None:
    """Nobody wants to know how far a download has come."""


class Client:
    """Fetches from servers and from this machine's own files alike."""

    def __init__(
        self,
        *,
        attempts: int = 5,
        timeout: float = 30.0,
        pace: Optional[Pace] = None,
        back_off: float = 0.5,
        sleep: Callable[[float], None] = time.sleep,
        keychain: Optional[Keychain] = None,
    ) -> None:
        self.attempts = attempts
        self.back_off = back_off
        self.sleep = sleep
        self.transport = Transport(timeout=timeout, pace=pace, keychain=keychain)

    def get(
        self,
        url: str,
        *,
        known: Optional[Mapping[str, str]] = None,
        limit: int = 256 << 20,
        missing_ok: bool = False,
    ) -> Reply:
        """A small thing as bytes. Given the validators of an earlier reply, it only asks whether that still holds."""
        path = local_path(url)
        if path is not None:
            if missing_ok and not os.path.exists(path):
                return Reply(404, b"", {})
            return Reply(200, fsutil.read_plain(path, limit=limit), {})
        questions = {_QUESTIONS[name]: value for name, value in (known or {}).items() if name in _QUESTIONS}
        return self.patiently(lambda: self._get(url, questions, limit, missing_ok), url)

    def head(self, url: str) -> Tuple[Optional[int], Mapping[str, str]]:
        """Size, where the server tells it, and validators of a thing without fetching it."""
        path = local_path(url)
        if path is not None:
            with fsutil.open_plain(path) as handle:
                found = os.fstat(handle.fileno())
            return found.st_size, {"mtime_ns": str(found.st_mtime_ns), "inode": str(found.st_ino)}
        return self.patiently(lambda: self._head(url), url)

    def exchange(self, method: str, url: str, **more: Any) -> Reply:
        """Any request, as protocols need them, patiently. Takes what once() takes."""
        return self.patiently(lambda: self.once(method, url, **more), url, doing_of(method))

    def once(
        self,
        method: str,
        url: str,
        *,
        headers: Optional[Mapping[str, str]] = None,
        body: Body = None,
        limit: int = 4 << 20,
        also: Tuple[int, ...] = (),
    ) -> Reply:
        """One request of any kind, tried once."""
        answer = self.transport.ask(method, url, headers or {}, also=also, body=body)
        data = self._read_small(answer, url, limit)
        told = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(answer.status, data, _validators(answer), told)

    def download(
        self,
        url: str,
        part: str,
        *,
        sha256: Optional[str] = None,
        size: Optional[int] = None,
        limit: int = 64 << 30,
        tell: Callable[[int], object] = _quiet,
    ) -> Fetched:
        """Fetch into a part file, which a killed run leaves to be continued, and check it when it is whole.

        The limit is for what has no known size; it is not fetched further than that.
        """
        fsutil.make_directory(os.path.dirname(part))
        if local_path(url) is not None or sha256 is None:
            fsutil.remove(part)
        for _start in range(2):  # what the first one continued may have been damaged
            fetched = self.patiently(lambda: self._continue(url, part, size, limit, tell), url)
            if (sha256 is None or fetched.sha256 == sha256) and (size is None or fetched.size == size):
                return fetched
            fsutil.remove(part)
            if not fetched.resumed:
                break
        raise BundleError(
            f"{url} is not what was promised: it has {fetched.size} bytes with sha256 {fetched.sha256}, expected "
            f"are {size} bytes with sha256 {sha256}. If its publisher replaced it, make the lock again."
        )

    def _continue(self, url: str, part: str, size: Optional[int], limit: int, tell: Callable[[int], object]) -> Fetched:
        """Bring a part file to its end. What it already holds is hashed again, not trusted."""
        path = local_path(url)
        if path is not None:
            return _copy(path, part, url, size, limit, tell)
        digest, held = _hash_part(part)
        if held and held == size:
            return Fetched(digest.hexdigest(), held, {}, resumed=True)
        answer = self.transport.ask("GET", url, {"Range": f"bytes={held}-"} if held else {})
        if answer.status == 200:
            digest, held = hashlib.sha256(), 0
        elif answer.status != 206 or not answer.headers.get("Content-Range", "").startswith(f"bytes {held}-"):
            fsutil.remove(part)
            raise TransientError(f"the server does not continue at byte {held}")
        total = held
        if size is None and held + (answer.length or 0) > limit:
            raise self._refuse(url, limit)
        with open(part, "ab" if held else "wb", buffering=0) as sink:
            for piece in _pieces(answer):
                digest.update(piece)
                with fsutil.leaving_nothing(part):
                    _write_whole(sink, piece)
                total += len(piece)
                tell(total)
                if size is None and total > limit:
                    fsutil.remove(part)
                    raise self._refuse(url, limit)
                if size is not None and total > size:
                    self.transport.drop()
                    return Fetched(digest.hexdigest(), total, {}, resumed=held > 0)
        if answer.length:
            raise TransientError(f"the connection broke after {total} bytes")
        return Fetched(digest.hexdigest(), total, _validators(answer), resumed=held > 0)

    def _refuse(self, url: str, limit: int) -> BundleError:
        """Hang up on what has no end that anybody would expect."""
        self.transport.drop()
        return _too_large(url, limit)

    def _get(self, url: str, questions: Mapping[str, str], limit: int, missing_ok: bool) -> Reply:
        answer = self.transport.ask("GET", url, questions, also=(404,) if missing_ok else ())
        return Reply(answer.status, self._read_small(answer, url, limit), _validators(answer))

    def _read_small(self, answer: http.client.HTTPResponse, url: str, limit: int) -> bytes:
        body = answer.read(limit + 1)
        if len(body) > limit:
            raise self._refuse(url, limit)
        if answer.length:
            raise TransientError(f"the connection broke after {len(body)} bytes")
        return body

    def _head(self, url: str) -> Tuple[Optional[int], Mapping[str, str]]:
        answer = self.transport.ask("HEAD", url, {}, also=_NO_HEAD)
        answer.read()
        if answer.status in _NO_HEAD:
            return None, {}
        length = answer.headers.get("Content-Length", "")
        return (int(length) if length.isdecimal() and len(length) < 20 else None), _validators(answer)

    def patiently(self, once: Callable[[], T], url: str, doing: str = "fetch") -> T:
        """Try again what may work next time, after pauses that double; in the end say why it did not."""
        attempt = 1
        while True:
            try:
                return once()
            except ssl.SSLCertVerificationError as error:
                self.transport.drop()
                raise BundleError(
                    f"Cannot {doing} {url}: its certificate is not trusted ({error.verify_message})."
                ) from error
            except (TransientError, http.client.HTTPException, OSError) as error:
                self.transport.drop()
                if attempt >= self.attempts:
                    reason = str(error) or type(error).__name__
                    raise BundleError(f"Cannot {doing} {url}: {reason}. Gave up after {attempt} attempts.") from error
            self.sleep(self.back_off * 2 ** (attempt - 1))
            attempt += 1


def _too_large(url: str, limit: int) -> BundleError:
    return BundleError(f"Cannot fetch {url}: it is larger than the {limit} bytes expected at most of such a file.")


def _copy(path: str, part: str, url: str, size: Optional[int], limit: int, tell: Callable[[int], object]) -> Fetched:
    """A file of this machine."""
    with fsutil.leaving_nothing(part), fsutil.open_plain(path) as source, open(part, "wb") as copy:
        if size is None and os.fstat(source.fileno()).st_size > limit:
            raise _too_large(url, limit)
        sha256, length = fsutil.sha256_stream(source, copy.write)
    tell(length)
    return Fetched(sha256, length, {})


def _pieces(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        piece = answer.read(fsutil.CHUNK)
        if not piece:
            return
        yield piece


def _write_whole(sink: RawIOBase, piece: bytes) -> None:
    """A disk that is nearly full takes a part, and says so only when it is given the rest."""
    left = memoryview(piece)
    while left:
        left = left[sink.write(left) or 0 :]


def _hash_part(part: str) -> Tuple[hashlib._Hash, int]:
    digest = hashlib.sha256()
    if not fsutil.size_of(part):
        return digest, 0
    with fsutil.open_plain(part) as handle:
        length = fsutil.sha256_stream(handle, digest.update)[1]
    return digest, length


def _validators(answer: http.client.HTTPResponse) -> Mapping[str, str]:
    return {key: answer.headers[name] for key, name in _VALIDATORS.items() if name in answer.headers}
