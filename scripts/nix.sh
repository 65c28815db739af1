#!/usr/bin/env bash
# Puts a `nix` and a `nix-instantiate` into a folder, for tests on a machine without Nix: those of the lab's hosts (docs/lab.md), with a store
# of their own. Usage: scripts/nix.sh FOLDER
set -euo pipefail
mkdir -p "$1"
# Wherever HOME is for those who call it.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/nix8s-lab
for name in nix nix-instantiate; do
  printf '#!/bin/sh\ncache=%s\n' "$(printf %q "$cache")" >"$1/$name"
  cat >>"$1/$name" <<'END'
for root in "$cache"/base-*; do
  [ -x "$root/usr/bin/nix" ] || continue
  export NIX_CONFIG="store = local?root=$cache/nix
substituters =
${NIX_CONFIG-}"
  for loader in "$root"/lib64/ld-linux-*.so.2 "$root"/lib/ld-linux-*.so.1; do
    [ -e "$loader" ] || continue
    for libraries in "$root"/usr/lib/*-linux-gnu; do
      exec "$loader" --library-path "$libraries" --argv0 "${0##*/}" "$root/usr/bin/nix" "$@"
    done
  done
done
echo "there is no Nix in $cache: make lab" >&2
exit 127
END
  chmod +x "$1/$name"
done
