#!/bin/sh
# Holds a lab's namespaces, and tidies up when they have ended, however they end: guard.sh FOLDER BASE
# Runs in a mount namespace of its own. What `init.sh` reads from is closed when the program that started the lab ends.
set -eu
folder=$1
name=${folder##*/}
cgroups=/sys/fs/cgroup
mount -t cgroup2 cgroup2 "$cgroups"

# What labs left whose guard was killed as well: nobody holds their lock any more.
for stale in "${folder%/*}"/nix8s-lab-*; do
  if [ "$stale" != "$folder" ] && [ -e "$stale/lock" ]; then flock --nonblock "$stale/lock" rm -rf "$stale" || true; fi
done
for stale in "$cgroups"/nix8s-lab-*; do
  if [ -d "$stale" ] && [ ! -e "${folder%/*}/${stale##*/}" ]; then find "$stale" -depth -type d -exec rmdir {} + || true; fi
done

mkdir "$cgroups/$name"
status=0
unshare --pid --fork --kill-child --mount --net --ipc --uts sh -c "$INIT" init "$@" || status=$?
# The first process of the namespace is gone, and with it every other.
find "$cgroups/$name" -depth -type d -exec rmdir {} +
rm -rf "$folder"
exit "$status"
