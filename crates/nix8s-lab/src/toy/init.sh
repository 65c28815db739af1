#!/bin/sh
# What the boot loader starts: makes this system the one that systemd is about to find.
out=@out@
"$out/activate"
# /run is made anew by systemd.
printf 'L+ /run/current-system - - - - %s\nL+ /run/booted-system - - - - %s\n' "$out" "$out" > /etc/tmpfiles.d/toy.conf
# The first start notes that the installed system has started.
if [ -e /var/lib/nix8s/identity.json ]; then sed -i 's/"booted":false/"booted":true/' /var/lib/nix8s/identity.json; fi
