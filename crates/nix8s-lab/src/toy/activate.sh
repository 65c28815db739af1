#!/bin/sh
# Puts a system's files where systemd and people look for them. Starts and stops nothing.
out=@out@
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
status=0
touch /etc/NIXOS
ln -sfn "$out/etc/os-release" /etc/os-release
rm -f /etc/is-nixos-installer
cp "$out/etc/hostname" /etc/hostname
mkdir -p /etc/systemd/system/multi-user.target.wants /var/lib/toy
# What the system before had, and this one does not.
for link in /etc/systemd/system/*; do
  case $(readlink "$link" || true) in
    /nix/store/*)
      name=${link##*/}
      if [ ! -e "$out/etc/units/$name" ]; then rm "$link" "/etc/systemd/system/multi-user.target.wants/$name"; fi
      ;;
  esac
done
for unit in "$out"/etc/units/*; do
  [ -e "$unit" ] || continue
  name=${unit##*/}
  ln -sfn "$(readlink -f "$unit")" "/etc/systemd/system/$name"
  ln -sfn "../$name" "/etc/systemd/system/multi-user.target.wants/$name"
done
for program in "$out"/sw/bin/*; do
  if [ -e "$program" ]; then ln -sfn "/run/current-system/sw/bin/${program##*/}" /usr/local/bin/; fi
done
/bin/sh -eu "$out/activation" || status=2
# The last thing that activating does.
ln -sfn "$out" /run/current-system
exit "$status"
