# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The least that a server has to send: one that merely drips would hold a run for ever, and no time-out would notice."""

from __future__ import annotations

import http.client
import io
import time
from dataclasses import dataclass
from typing import Any, Type


class TransientError(Exception):
    """Something that may be gone at the next attempt."""


@dataclass(frozen=True)
class Pace:
    """Bytes a second, over so many seconds of waiting for them."""

    rate: float = 1000.0
    seconds: float = 60.0

    def answers(self) -> Type[http.client.HTTPResponse]:
        """Answers, head and body, that are given up when they come more slowly. To be the response_class of a connection."""
        pace = self

        class Answer(http.client.HTTPResponse):
            def __init__(self, *args: Any, **more: Any) -> None:
                super().__init__(*args, **more)
                self.fp = io.BufferedReader(_Steady(self.fp.detach(), pace))

        return Answer


class _Steady(io.RawIOBase):
    """What comes from a socket. Only the time spent waiting for it counts, not that of whoever uses it."""

    def __init__(self, source: io.RawIOBase, pace: Pace) -> None:
        self._source = source
        self._pace = pace
        self._waited, self._came = 0.0, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        begun = time.monotonic()
        count = self._source.readinto(buffer) or 0
        self._waited += time.monotonic() - begun
        self._came += count
        if self._waited >= self._pace.seconds:
            if self._came < self._pace.rate * self._waited:
                raise TransientError(
                    f"only {self._came} bytes came in {self._waited:.0f} seconds, less than {self._pace.rate:g} a second"
                )
            self._waited, self._came = 0.0, 0
        return count

    def close(self) -> None:
        self._source.close()
        super().close()
