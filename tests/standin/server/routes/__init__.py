# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The routes the stand-in claims: one table per family."""

from __future__ import annotations

from server.release import Release
from server.router import Route
from server.routes import (
    access_policies,
    attributes,
    bots,
    channels,
    commands,
    compliance,
    config,
    files,
    gates,
    guests,
    jobs,
    logins,
    peers,
    plugins,
    posts,
    reactions,
    remoteclusters,
    retention,
    roles,
    schemes,
    sharedchannels,
    system,
    teams,
    tokens,
    users,
)


def all_routes(release: Release) -> list[Route]:
    families = (
        system,
        config,
        users,
        logins,
        tokens,
        teams,
        channels,
        posts,
        reactions,
        files,
        bots,
        plugins,
        roles,
        jobs,
        guests,
        schemes,
        attributes,
        access_policies,
        retention,
        compliance,
        remoteclusters,
        peers,
        sharedchannels,
        commands,
    )
    return [route for family in families for route in family.ROUTES] + gates.routes(release)
