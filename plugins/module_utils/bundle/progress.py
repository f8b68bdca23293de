# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""How far a long run has come, in a file that something else can show."""

from __future__ import annotations

import json
import threading
import time
from typing import Callable, Dict, Optional

from . import fsutil
from .lock import human


class Progress:
    """Adds up what the threads tell, and writes at most once a second."""

    def __init__(
        self, path: Optional[str], *, objects: int, size: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = path
        self.objects = objects
        self.size = size
        self.done = 0
        self._clock = clock
        self._started = clock()
        self._written = -1.0
        self._positions: Dict[str, int] = {}
        self._guard = threading.Lock()

    def teller(self, sha256: str) -> Callable[[int], None]:
        """For one object: takes how many bytes of it there are now."""

        def tell(position: int) -> None:
            with self._guard:
                self._positions[sha256] = position
                self._write()

        return tell

    def finish(self, sha256: str, size: int) -> None:
        with self._guard:
            self._positions[sha256] = size
            self.done += 1
            self._write(last=self.done == self.objects)

    def say(self, text: str) -> None:
        with self._guard:
            self._write(text, last=True)

    def _write(self, text: str = "", *, last: bool = False) -> None:
        now = self._clock()
        if self.path is None or (now < self._written + 1 and not last):
            return
        self._written = now
        count = sum(self._positions.values())
        rate = count / max(now - self._started, 0.001)
        told = f"{human(count)} of {human(self.size)}, {self.done} of {self.objects} objects, {human(rate)}/s"
        document = {
            "text": text or told,
            "bytes": count,
            "bytes_total": self.size,
            "objects": self.done,
            "objects_total": self.objects,
        }
        fsutil.write_atomic(self.path, json.dumps(document).encode())
