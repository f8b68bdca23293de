# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Brings into the store what a bundle needs and the store lacks, over several connections."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Dict, List, Tuple

from . import fsutil
from .errors import BundleError, few
from .fetch import Client
from .lock import human
from .progress import Progress
from .store import Store


class Gatherer:
    """Fetches objects. What a killed run had of one is continued, not fetched again."""

    def __init__(self, store: Store, client: Client, *, connections: int) -> None:
        self.store = store
        self.client = client
        self.connections = connections

    def fetch(self, missing: Dict[str, Tuple[int, str]], progress: Progress) -> None:
        """All that is missing, largest first. What fails does not keep the rest from coming in."""
        progress.say(f"fetching {human(progress.size)} in {len(missing)} objects")
        fsutil.require_space(self.store.root, progress.size)
        failures: List[str] = []
        order = sorted(missing, key=lambda sha256: -missing[sha256][0])
        with ThreadPoolExecutor(self.connections) as pool:
            running = [pool.submit(self._fetch_one, sha256, *missing[sha256], progress) for sha256 in order]
            for future in as_completed(running):
                error = future.exception()
                if isinstance(error, BundleError):
                    failures.append(str(error))
                elif error is not None:
                    raise error
        if failures:
            raise BundleError(
                f"{len(failures)} of {len(missing)} objects could not be fetched; the others are kept, run again.\n"
                + few(sorted(failures))
            )

    def _fetch_one(self, sha256: str, size: int, url: str, progress: Progress) -> None:
        part = self.store.part(sha256)
        self.client.download(url, part, sha256=sha256, size=size, tell=progress.teller(sha256))
        self.store.adopt(part, sha256)
        progress.finish(sha256, size)
