#!/bin/sh
# What the boot loader starts: makes this system the one that systemd is about to find.
out=@out@
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
# The first boot after an installation: the root is new, but for what the installer put there.
if [ -d /mnt/extra ]; then
  if [ ! -e /mnt/copy-host-keys ]; then rm -f /etc/ssh/ssh_host_*; fi
  tar -C /mnt/extra -cf- . | tar -C / -xpf- --same-owner --no-overwrite-dir
  if [ ! -e /etc/ssh/ssh_host_ed25519_key ]; then
    ssh-keygen -q -t ed25519 -N '' -C '' -f /etc/ssh/ssh_host_ed25519_key
  fi
  rm -rf /mnt/extra /mnt/copy-host-keys
fi
"$out/activate"
# /run is made anew by systemd.
printf 'L+ /run/current-system - - - - %s\nL+ /run/booted-system - - - - %s\n' "$out" "$out" > /etc/tmpfiles.d/toy.conf
# The first start notes that the installed system has started.
if [ -e /var/lib/nix8s/identity.json ]; then sed -i 's/"booted":false/"booted":true/' /var/lib/nix8s/identity.json; fi
