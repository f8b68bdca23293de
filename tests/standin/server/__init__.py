# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The stand-in for a Mattermost server: what the collection needs of one, and no more."""
