#!/usr/bin/env bash
# static.sh FOLDER: builds FOLDER/bin/nix8s, linked statically, so that every Linux of this architecture can run it (NixOS has no
# loader where programs of other distributions look for it), and FOLDER/libexec/nix8s/nix8s-ARCHITECTURE-linux for others.
#
# $NIX8S_ARCHITECTURES: which, by default x86_64 and aarch64; this computer's own is always one. An architecture that is not
# this computer's needs a C compiler for it: Zig's, through cargo-zigbuild (cargo install cargo-zigbuild; pip install ziglang).
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1
own=$(uname -m)
musl_gcc=${CC_MUSL:-musl-gcc}

lacking() {
  printf 'error: lacking: %s\n' "$1" >&2
  exit 5
}

command -v rustup >/dev/null || lacking "rustup, which has the standard library for other targets: https://rustup.rs"
if ! command -v "$musl_gcc" >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends musl-tools >&2
  else
    lacking "a C compiler for musl. Debian: apt-get install musl-tools"
  fi
fi

build() {
  local architecture=$1 target=$1-unknown-linux-musl
  rustup target add "$target" >&2
  if [ "$architecture" = "$own" ]; then
    env "CC_${target//-/_}=$musl_gcc" cargo build --release --locked --package nix8s --target "$target" >&2
  elif command -v cargo-zigbuild >/dev/null; then
    cargo zigbuild --release --locked --package nix8s --target "$target" >&2
  else
    echo "SKIPPED $architecture: cargo-zigbuild is not installed (cargo install cargo-zigbuild; pip install ziglang)" >&2
    return 1
  fi
}

built=$(cargo metadata --format-version 1 --no-deps --offline | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
mkdir -p "$folder/bin" "$folder/libexec/nix8s"
build "$own"
install -m 755 "$built/$own-unknown-linux-musl/release/nix8s" "$folder/bin/nix8s"
for architecture in ${NIX8S_ARCHITECTURES-x86_64 aarch64}; do
  if [ "$architecture" != "$own" ] && build "$architecture"; then
    install -m 755 "$built/$architecture-unknown-linux-musl/release/nix8s" "$folder/libexec/nix8s/nix8s-$architecture-linux"
  fi
done
find "$folder" -type f -exec ls -l {} +
