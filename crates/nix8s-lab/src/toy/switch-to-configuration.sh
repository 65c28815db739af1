#!/bin/sh
# switch-to-configuration ACTION, with the exit codes of the real one: 0; 1: could not; 2: activation failed; 4: a unit
# failed; 100: needs a reboot.
# shellcheck disable=SC2086
set -eu
out=@out@
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
action=${1-}
case $action in
  switch | boot | test | dry-activate | check) ;;
  *)
    echo "usage: $0 switch|boot|test|dry-activate|check" >&2
    exit 1
    ;;
esac
if [ "$(id -u)" != 0 ]; then
  echo "switch-to-configuration must be run as the root user" >&2
  exit 1
fi
mkdir -p /run/nixos /boot
exec 9> /run/nixos/switch-to-configuration.lock
if ! flock --nonblock 9; then
  echo "Could not acquire lock" >&2
  exit 1
fi
if [ "$action" = check ]; then exit 0; fi
if [ "$action" = switch ] || [ "$action" = boot ]; then
  echo "$out" > /boot/entry.new
  mv /boot/entry.new /boot/entry
  sync
fi
if [ "$action" = boot ]; then exit 0; fi

units=/etc/systemd/system
stop='' start='' restart=''
for link in "$units"/*; do
  case $(readlink "$link" || true) in
    /nix/store/*) if [ ! -e "$out/etc/units/${link##*/}" ]; then stop="$stop ${link##*/}"; fi ;;
  esac
done
for unit in "$out"/etc/units/*; do
  [ -e "$unit" ] || continue
  name=${unit##*/}
  if [ ! -e "$units/$name" ]; then
    start="$start $name"
  elif [ "$(readlink -f "$units/$name")" != "$(readlink -f "$unit")" ]; then
    restart="$restart $name"
  elif ! systemctl --quiet is-active "$name"; then
    start="$start $name"
  fi
done
if [ "$action" = dry-activate ]; then
  for what in stop restart start; do
    eval "names=\$$what"
    if [ -n "$names" ]; then echo "would $what the following units:$names" >&2; fi
  done
  exit 0
fi

exit=$(cat "$out/exit")
status=0
if [ -n "$stop" ]; then
  echo "stopping the following units:$stop" >&2
  systemctl stop $stop || true
fi
"$out/activate" || status=$?
if [ "$exit" = hang ]; then exec sleep infinity; fi
systemctl daemon-reload
for what in restart start; do
  eval "names=\$$what"
  if [ -n "$names" ]; then
    echo "${what}ing the following units:$names" >&2
    systemctl "$what" $names || status=4
  fi
done
if [ "$status" = 0 ]; then status=$exit; fi
exit "$status"
