#!/usr/bin/env bash
# The whole way in the simulated world: nothing → a running cluster, a change that rolls, a member that leaves.
# Usage: demo.sh PATH-OF-NIX8S
set -euo pipefail

binary=$(realpath "$1")
example=$(realpath "$(dirname "$0")/../examples/demo-ha.yaml")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export NIX8S_STATE_DIR="$folder/state"
start=$SECONDS

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' plain=$'\e[0m'
else
  bold='' plain=''
fi

chapter() {
  printf '\n%s# %s%s\n' "$bold" "$*" "$plain"
}

# Prints a command as one would type it, then runs it.
run() {
  printf '\n%s$ nix8s %s%s\n' "$bold" "$*" "$plain"
  "$binary" "$@" </dev/null
}

# Changes the configuration by a sed script, and shows what changed. A change that changes nothing is an error: the
# example was edited and this script was not.
edit() {
  cp nix8s.yaml before.yaml
  sed -i "$1" nix8s.yaml
  printf '\n%s$ edit nix8s.yaml%s\n' "$bold" "$plain"
  if diff --unified=1 before.yaml nix8s.yaml | tail -n +3; then
    echo "error: the edit '$1' changed nothing" >&2
    exit 1
  fi
}

chapter "A configuration: three control planes, three workers, one address for the API."
cp "$example" nix8s.yaml
run validate
run plan --simulate

chapter "Do it. Blank machines, and now and then something goes wrong: it is tried again."
run apply --simulate --yes --seed 17 --faults some
run status --simulate

chapter "A new Kubernetes version, and a kernel parameter for every machine."
edit 's/version: v1\.34\.1+k3s1/version: v1.35.0+k3s1/
s/^  machine:$/  machine:\n    boot:\n      kernelParams: [panic=30]/'
run plan --simulate

chapter "Six machines are more than policy lets one run touch. We mean it, so we say so."
run plan --simulate --max-affected 6
run apply --simulate --yes --max-affected 6 --faults some

chapter "A worker leaves: it is no longer in the file."
edit '/^      worker2:/d'
run plan --simulate
run apply --simulate --yes --faults some
run status --simulate
run plan --simulate

chapter "That was the simulated world, and took $((SECONDS - start)) seconds."
cat <<END

Your own cluster: copy examples/demo-ha.yaml to nix8s.yaml, change the addresses and the disks, say \`nix8s doctor\`, and go through
the same commands without --simulate. What you have seen, configuration, plans, rules, state and reports, is what real machines get;
their systems are made with Nix, and they are given a nix8s of their own, which \`make static\` makes: docs/machines.md,
docs/nixos/systems.md. README.md has a walk of five minutes.
END
