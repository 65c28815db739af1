#!/usr/bin/env bash
# Sees to it that what building needs is there: a Rust toolchain and a linker. Installs the linker on Debian when
# run as root; otherwise says what is lacking and how to get it.
set -euo pipefail

lacking=()

# The oldest Rust that Cargo.toml names.
oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$(dirname "$0")/../Cargo.toml")

if ! command -v cc >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing a C linker (gcc, libc6-dev), which Rust links with." >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2
    apt-get install -qq --yes --no-install-recommends gcc libc6-dev >&2
  else
    lacking+=("a C compiler. Debian: apt-get install gcc libc6-dev; others: your compiler package")
  fi
fi

if ! command -v cargo >/dev/null; then
  lacking+=("Rust $oldest or newer. Get it from https://rustup.rs: curl --proto '=https' -sSf https://sh.rustup.rs | sh")
else
  found=$(rustc --version | cut -d' ' -f2)
  if [ "$(printf '%s\n' "$oldest" "${found%%-*}" | sort -V | head -n1)" != "$oldest" ]; then
    lacking+=("Rust $oldest or newer; this is $found. With rustup: rustup update stable")
  fi
fi

if [ "${#lacking[@]}" -gt 0 ]; then
  printf 'error: lacking: %s\n' "${lacking[@]}" >&2
  exit 5
fi
