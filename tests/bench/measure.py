# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Run a command and say what it took: wall time, CPU of the whole process tree, memory of its largest process.

The command is started by this file as a small process of its own: what starts it counts into the memory of a process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Optional, Sequence, Union


@dataclass(frozen=True)
class Cost:
    """What one run took."""

    seconds: float
    cpu_seconds: float
    memory_mb: float
    requests: int = 0
    fetched_mb: float = 0.0


def busy_seconds() -> float:
    """CPU seconds that everything on this machine has used so far."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(fields[number] for number in (0, 1, 2, 5, 6, 7)) / os.sysconf("SC_CLK_TCK")


def wait_for_quiet(limit: float = 30.0) -> None:
    """Until the machine does nothing else for a second, or the limit is over."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        before = busy_seconds()
        time.sleep(1)
        if busy_seconds() - before < 0.15:
            return


def measured(
    command: Union[str, Sequence[str]], log: Path, *, env: Optional[Mapping[str, str]] = None, may_fail: bool = False
) -> Cost:
    """Run to the end; a failure stops the benchmark with the end of its output."""
    argv = ["bash", "-euo", "pipefail", "-c", command] if isinstance(command, str) else list(command)
    wait_for_quiet()
    starter = [sys.executable, "-S", "-E", __file__, str(log), *argv]
    done = subprocess.run(starter, capture_output=True, text=True, check=True, env=env)
    code, *numbers = json.loads(done.stdout)
    if code and not may_fail:
        raise SystemExit(f"{log.stem} failed:\n{log.read_text(errors='replace')[-2000:]}")
    return Cost(*numbers)


def main() -> None:
    """In the small process: LOG COMMAND... Prints exit code, seconds, CPU seconds and megabytes as JSON."""
    with open(sys.argv[1], "wb") as sink:
        start = time.monotonic()
        process = subprocess.Popen(sys.argv[2:], stdout=sink, stderr=subprocess.STDOUT)
        _pid, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    print(json.dumps([process.returncode, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))


if __name__ == "__main__":
    main()
