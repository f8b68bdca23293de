# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.fieldops.mattermost.tests.unit.engine_fixtures import *  # noqa: F403
