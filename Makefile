# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# Each target does all its set-up by itself, on a fresh Debian 12 machine as root.
.PHONY: help demo test lint units sanity molecule destroy bootstrap

help:
	@echo "make demo     stand up an air-gapped Mattermost on containers and leave it running"
	@echo "              (SCENARIO=mission_partner: three organisations, federated over tunnels)"
	@echo "make test     pass all tests: lint, sanity, docs, units, every Molecule scenario but bridges"
	@echo "make destroy  remove whatever the two made"
	@echo "parts:        make bootstrap | lint | units | sanity | molecule [SCENARIO=air_gapped]"

demo: bootstrap
	@tools/demo

test: bootstrap
	@tools/test all

lint units sanity molecule: bootstrap
	@tools/test $@

bootstrap:
	@tools/bootstrap

destroy:
	@tools/destroy
