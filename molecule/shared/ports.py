# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Which ports take a connection, asked from any host."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

# Every port, some thousand at a time: what has not answered by then, not even to the second packet that goes out after a second, is dropped.
SWEEP = """
import errno, json, select, socket, sys
target, step, found = sys.argv[1], 2500, []
for first in range(1, 65536, step):
    waiting, poll = {}, select.epoll()
    for port in range(first, min(first + step, 65536)):
        ask = socket.socket()
        ask.setblocking(False)
        if ask.connect_ex((target, port)) in (0, errno.EINPROGRESS):
            waiting[ask.fileno()] = (port, ask)
            poll.register(ask.fileno(), select.EPOLLOUT)
    while True:
        answers = poll.poll(1.4)
        if not answers:
            break
        for number, _event in answers:
            port, ask = waiting.pop(number)
            poll.unregister(number)
            if not ask.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                found.append(port)
            ask.close()
    for _port, ask in waiting.values():
        ask.close()
    poll.close()
print(json.dumps(sorted(found)))
"""


def open_ports(target: str, run: Callable[..., subprocess.CompletedProcess[str]] | None = None) -> list[int]:
    """Every TCP port of the target that takes a connection: from where `run` runs programs, or else from here, the podman host."""
    if run is None:
        command = [sys.executable, "-", target]
        done = subprocess.run(command, input=SWEEP, capture_output=True, text=True, check=False)
    else:
        done = run("python3", "-", target, stdin=SWEEP)
    assert done.returncode == 0, done.stderr
    found: list[int] = json.loads(done.stdout)
    return found
