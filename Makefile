# What one does with this repository. `make help` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help needs build static demo lab test lint docs bench mutate
.NOTPARALLEL:

# rustup puts cargo here and asks for a new shell to find it; make does not need one.
export PATH := $(PATH):$(HOME)/.cargo/bin
CARGO ?= cargo

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

needs: ## install what is needed (Debian, as root), or say what is lacking
	@scripts/needs.sh

build: needs ## build the release binary
	$(CARGO) build --release --locked --package nix8s

static: needs ## what machines can run: target/static/bin/nix8s, and for other architectures beside it
	@scripts/static.sh target/static

demo: build ## from nothing to a running cluster, an update and a removal, in the simulated world
	@scripts/demo.sh "$$($(CARGO) metadata --format-version 1 --no-deps --offline | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/nix8s"

lab: needs ## three control planes and two workers to try things on, in namespaces of this computer (as root)
	$(CARGO) run --locked --quiet --package nix8s-lab -- --kubernetes cp1 cp2 cp3 w1 w2

test: needs ## run every test
	@$(CARGO) run --quiet --locked --package nix8s-lab -- --make || echo "SKIPPED: what of the lab cannot be had here"
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  set -x; $(CARGO) nextest run --workspace --locked && $(CARGO) test --workspace --locked --doc --quiet; \
	else \
	  set -x; $(CARGO) test --workspace --locked; \
	fi

lint: needs ## formatting, clippy, tidy; shellcheck, nixfmt, deadnix and cargo-deny where they are installed
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --package nix8s-sim --features mutation --all-targets --locked -- -D warnings
	$(CARGO) xtask tidy
	@if command -v shellcheck >/dev/null; then set -x; \
	  shellcheck scripts/*.sh .ci/run crates/nix8s-core/src/tool/on_node/probe.sh crates/nix8s-lab/src/*/*.sh; \
	else echo "SKIPPED shellcheck: it is not installed (Debian: apt-get install shellcheck)"; fi
	@if command -v nixfmt >/dev/null && command -v deadnix >/dev/null; then set -x; \
	  find nix flake.nix -name '*.nix' -exec nixfmt --check {} + && deadnix --fail nix flake.nix; \
	else echo "SKIPPED nixfmt, deadnix: they are not installed (cargo install nixfmt_rs deadnix)"; fi
	@scripts/deny.sh

docs: needs ## make a book of docs/ in target/book/html, with mdBook if it is installed
	$(CARGO) xtask book

bench: build ## measure time, memory and size, beside their limits
	$(CARGO) xtask bench

mutate: needs ## take each rule out of the planner and show that this is noticed
	$(CARGO) xtask mutate
