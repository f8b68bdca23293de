# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The one way the engine runs another program to its end."""

from __future__ import annotations

import os
import subprocess
from typing import Mapping, Optional, Sequence

from .errors import BundleError


def run(
    argv: Sequence[str],
    *,
    data: Optional[bytes] = None,
    env: Optional[Mapping[str, str]] = None,
    cwd: Optional[str] = None,
    together: bool = False,
    patience: Optional[float] = None,
    late: str = "",
) -> subprocess.CompletedProcess[str]:
    """Exit status and what the program wrote, as text; with together errors stand among the rest.

    It gets data or nothing to read, and this process's environment in plain English unless env is given. One that takes longer
    than patience (seconds) is ended, and `late` begins the sentence that says so.
    """
    try:
        # The engine imports nothing of Ansible, hence no run_command.
        # pylint: disable-next=ansible-bad-function
        done = subprocess.run(
            list(argv),
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if together else subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C.UTF-8"} if env is None else env,
            cwd=cwd,
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BundleError(f"{late} within {patience:g} seconds.") from error
    out, errors = (part.decode("utf-8", "replace") for part in (done.stdout, done.stderr or b""))
    return subprocess.CompletedProcess(done.args, done.returncode, out, errors)
