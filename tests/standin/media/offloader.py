# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""A stand-in of calls-offloader: its API. It asks the container runtime for its version as the real one does, and runs no job."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

from service import Answer, Refused, Service, ask_unix, load

WANTED = {
    "api.http.listen_address": str,
    "jobs.api_type": str,
    "jobs.max_concurrent_jobs": int,
    "jobs.failed_jobs_retention_time": str,
    "jobs.image_registry": str,
    "store.data_source": str,
    "logger.enable_file": bool,
}


class Offloader(Service):
    """calls-offloader's own routes."""

    def __init__(self, version: str, config: dict[str, Any]) -> None:
        super().__init__("calls-offloader", version, config)
        self.routes["POST", "/jobs"] = self._job
        self.routes["POST", "/jobs/init"] = self._init

    def _init(self, _body: dict[str, str], authorization: str) -> Answer:
        self.caller(authorization)
        return 200, {"code": "200"}

    def _job(self, body: dict[str, str], authorization: str) -> Answer:
        self.caller(authorization)
        registry = re.escape(self.config["jobs"]["image_registry"])
        if not re.fullmatch(registry + r"/calls-(recorder|transcriber):v\d+\.\d+\.\d+", str(body.get("runner"))):
            raise Refused(400, "failed to parse runner: does not match the registry")
        raise Refused(500, "the stand-in runs no jobs")


def main(version: str) -> None:
    """Serve until SIGTERM, if the container runtime answers."""
    config = load("calls-offloader", WANTED)
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    try:
        runtime = json.loads(ask_unix(host[len("unix://") :], "/version"))
        print(f"connected to docker API {runtime['ApiVersion']}", flush=True)
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"calls-offloader: failed to create service: failed to get server version: {error!r}")
    Offloader(version, config).serve()
