# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.fieldops.mattermost.tests.unit import engine_fixtures, yum_upstream

# Fixtures count where a name in the module stands for them.
keys = engine_fixtures.keys
no_proxies = engine_fixtures.no_proxies
no_waiting_for_disks = engine_fixtures.no_waiting_for_disks
now = engine_fixtures.now
pauses = engine_fixtures.pauses
side = engine_fixtures.side
upstream = engine_fixtures.upstream
web = engine_fixtures.web
builder = yum_upstream.builder
yum = yum_upstream.yum
