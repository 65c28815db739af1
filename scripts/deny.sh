#!/usr/bin/env bash
# Licences, bans and sources of dependencies, and known vulnerabilities where the database of them can be fetched.
set -euo pipefail

if ! cargo deny --version >/dev/null 2>&1; then
  echo "SKIPPED cargo-deny: it is not installed (cargo install --locked cargo-deny, two minutes)"
  exit 0
fi
echo "cargo deny check bans licenses sources"
cargo deny --log-level error --locked check --hide-inclusion-graph bans licenses sources
if cargo deny --log-level off --locked fetch db >/dev/null 2>&1; then
  echo "cargo deny check advisories"
  cargo deny --log-level error --locked check --hide-inclusion-graph advisories
else
  echo "SKIPPED cargo-deny advisories: the database (github.com/RustSec/advisory-db) could not be fetched"
fi
