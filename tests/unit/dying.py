# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that dies at a chosen step, as if it were killed there."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any, Callable

# What changes files: a process that dies just before one of these has done everything before it, and nothing after.
_STEPS = {"open", "os.rename", "os.link", "os.symlink", "os.mkdir", "os.remove", "os.rmdir", "os.chmod"}
KILLED = 137


def in_child(act: Callable[[], None], die_at: int = -1) -> tuple[int, int]:
    """Run in a process of its own that ends, as if killed, before a step. Returns its status and how many steps it took."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        count, guard = [0], threading.Lock()

        def watch(event: str, arguments: Any) -> None:
            if event in _STEPS and (
                event != "open" or (isinstance(arguments[1], str) and set(arguments[1]) & set("wxa+"))
            ):
                with guard:
                    count[0] += 1
                    if count[0] == die_at:
                        os._exit(KILLED)

        status = 1
        try:
            sys.addaudithook(watch)
            act()
            status = 0
        finally:
            os.write(write, str(count[0]).encode())
            os._exit(status)
    os.close(write)
    with os.fdopen(read) as handle:
        told = handle.read()
    _pid, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), int(told or 0)
