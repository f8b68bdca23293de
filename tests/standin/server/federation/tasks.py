# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What is to be synchronized: events of two seconds are one task, and a task that fails is tried again three times."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Callable

from server.log import Logger

DELAY = 2.0
_RETRIES = 3


@dataclass
class Task:
    """A channel and, where it is for one alone, a connection; `posts` are those that the other side could not take."""

    channel_id: str
    remote_id: str = ""
    posts: list[dict[str, Any]] = field(default_factory=list)
    delay: float = DELAY
    retries: int = 0
    due: float = 0
    added: float = 0

    @property
    def key(self) -> tuple[str, str, str]:
        return self.channel_id, self.remote_id, self.posts[0]["id"] if self.posts else ""

    def again(self) -> bool:
        self.retries += 1
        self.delay = 0
        return self.retries <= _RETRIES


class Tasks:
    """One thread does them, the oldest first."""

    def __init__(self, process: Callable[[Task], None], log: Logger, stopping: threading.Event) -> None:
        self._process = process
        self._log = log
        self._stopping = stopping
        self._tasks: dict[tuple[str, str, str], Task] = {}
        self._changed = threading.Condition()

    def start(self) -> None:
        threading.Thread(target=self._loop, name="sync", daemon=True).start()

    def add(self, task: Task) -> None:
        with self._changed:
            task.added = time.monotonic()
            task.due = task.added + task.delay
            self._tasks.setdefault(task.key, task)
            self._changed.notify()

    def _loop(self) -> None:
        while not self._stopping.is_set():
            task = self._next()
            if task is None:
                continue
            try:
                self._process(task)
            except Exception as error:  # one task must not end the loop
                self.failed(task, error)

    def failed(self, task: Task, error: Exception) -> None:
        if task.again():
            self.add(task)
        else:
            names = {"channelId": task.channel_id, "remoteId": task.remote_id}
            self._log.error("Failed to synchronize shared channel", **names, error=str(error) or repr(error))

    def _next(self) -> Task | None:
        """The oldest task that is due; None after a pause without one."""
        with self._changed:
            moment = time.monotonic()
            due = [task for task in self._tasks.values() if task.due <= moment]
            if due:
                return self._tasks.pop(min(due, key=lambda task: task.added).key)
            self._changed.wait(min([task.due - moment for task in self._tasks.values()] or [1.0]))
            return None
