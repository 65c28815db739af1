#!/bin/sh
# Runs a host, again for as long as it ends by asking for a reboot: run.sh LAB NAME
set -eu
cgroup=/sys/fs/cgroup/$1/$2
root=/run/lab/$2/root
mkdir -p "$cgroup"
echo 0 > "$cgroup/cgroup.procs"
while :; do
  # What a boot loader does: start what it was told to.
  if [ -e "$root/boot/entry" ]; then chroot "$root" "$(cat "$root/boot/entry")/init"; fi
  status=0
  # From inside its network, so that its /sys is of its own as well.
  nsenter --net="/run/netns/$2" systemd-nspawn --quiet --boot --capability=CAP_NET_ADMIN --notify-ready=yes \
    --register=no --keep-unit --machine="$2" --directory="$root" \
    --network-namespace-path="/run/netns/$2" --resolv-conf=off --timezone=off --link-journal=no --console=pipe ||
    status=$?
  # 133 is a reboot.
  [ "$status" = 133 ] || exit "$status"
done
