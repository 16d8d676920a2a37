# Noroshi. `make demo` shows it at work; `make test` proves it. Both set up what they need.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
CARGO ?= cargo
# A few seconds for each fuzz target in `make test`; `make fuzz FUZZ_SECONDS=600` for a longer run.
FUZZ_SECONDS ?= 2

.PHONY: help setup toolchain packages build demo test check fmt clippy unit kills power-cuts restart-time disk-full hyperscan fuzz doc bench bench-gate figures arrival screenshot formats scores shippers intake-rate sql clean

help:
	@sed -n 's/^\([a-z-]*\):.*## /  make \1  /p' $(MAKEFILE_LIST)

toolchain:
	@scripts/toolchain

packages:
	@scripts/packages

setup: toolchain packages

build: setup ## build the release binary
	$(CARGO) build --release --locked -p noroshi

demo: build ## build, start, feed a bundled scenario over real sockets, show the alerts
	$(CARGO) build --release --locked -p noroshi-benches --bin noroshi-gen --bin ansi-svg
	scripts/demo

test: check doc fuzz bench-gate hyperscan unit ## everything that .ci/run holds us to

check: setup fmt clippy

fmt:
	$(CARGO) fmt --all -- --check

clippy:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

unit: setup ## unit, property, differential, golden and end-to-end tests
	scripts/unit

# So many kills, from this seed on.
KILLS ?= 200
KILLS_SEED ?= 1

kills: setup ## kill the running engine at two hundred random moments; KILLS=…, KILLS_SEED=…
	NOROSHI_KILLS=$(KILLS) NOROSHI_KILLS_SEED=$(KILLS_SEED) $(CARGO) test --release --locked -p noroshi --test kills --test archive_kills -- --nocapture

power-cuts: setup ## cut the simulated power at each named crash point of the archive, and again while it recovers
	NOROSHI_POWER_CUTS_ALL=1 $(CARGO) test --release --locked -p noroshi-archive --test tail --test thread -- --nocapture

restart-time: build ## from a kill with a gigabyte of records to the first acknowledgement
	scripts/archive-figures restart

disk-full: build ## from room on a full disk to the first acknowledgement; mounts a small tmpfs as root
	scripts/archive-figures full

hyperscan: setup ## both pattern back ends against their specification, where libhs is there
	scripts/hyperscan

fuzz: setup ## a short fuzz run of every target; FUZZ_SECONDS=600 for a longer one
	scripts/fuzz $(FUZZ_SECONDS)

bench: setup ## all benches, measured against target
	scripts/bench full

bench-gate: setup ## the ratios of benches/targets.toml, in a short form with a wide margin
	scripts/bench gate

figures: setup ## what a correlated hit, a key and a snapshot cost, beside what is wanted of them
	scripts/figures

arrival: setup ## what the order of arrival does to alerts: our engine and rsigma-eval, over the same events
	cd benches/peers && $(CARGO) run --release --locked --ignore-rust-version --bin noroshi-arrival

shippers: build ## real shippers over RELP, the bulk API and HEC; installs them as root, else skips them
	scripts/shippers

intake-rate: build ## acknowledged records per second over one HTTP connection
	scripts/intake-rate

sql: setup ## build with SQL (`noroshi query`) and test it; takes minutes more
	$(CARGO) build --profile sql --locked -p noroshi --features sql
	NOROSHI_SQL=$$(realpath $${CARGO_TARGET_DIR:-target}/sql/noroshi) $(CARGO) test --locked -p noroshi --test query

screenshot: build ## the picture in the README, made from the demo's own output
	$(CARGO) build --release --locked -p noroshi-benches --bin noroshi-gen --bin ansi-svg
	scripts/demo --svg docs/demo.svg

formats: build ## the table of products in docs/FORMATS.md, from the binary
	scripts/formats

scores: build ## score the decoders against the evaluation corpus, into docs/FORMATS.md
	scripts/scores

clean:
	$(CARGO) clean
