#!/bin/sh
# What makes a root one host's: host.sh NAME KEYS AUTHORISED HOSTS LSBLK
set -eu
root=/run/lab/$1/root
install -m 600 "$2" "$root/etc/ssh/ssh_host_ed25519_key"
install -m 644 "$2.pub" "$root/etc/ssh/ssh_host_ed25519_key.pub"
install -d -m 700 "$root/root/.ssh"
install -m 600 "$3" "$root/root/.ssh/authorized_keys"
install -m 644 "$4" "$root/etc/hosts"
echo "$1" > "$root/etc/hostname"
tr -d - < /proc/sys/kernel/random/uuid > "$root/etc/machine-id"
# Before it is installed it is an installer.
touch "$root/etc/is-nixos-installer"
rm "$root/etc/os-release"
printf 'ID=nixos\nNAME=NixOS\nPRETTY_NAME="NixOS 26.05 installer"\nVERSION_ID="26.05"\nVARIANT_ID=installer\n' > "$root/etc/os-release"
# One disk, with nothing on it, under the names that udev would give it.
printf '%s' "$5" > "$root/usr/local/bin/lsblk"
chmod 755 "$root/usr/local/bin/lsblk"
mkdir -p "$root/etc/lab"
printf '{ "blockdevices": [{ "path": "/dev/sda", "type": "disk", "size": 64000000000, "serial": "LAB-%s", "wwn": null,
  "fstype": null, "pttype": null, "parttype": null, "partlabel": null, "label": null }] }\n' "$1" > "$root/etc/lab/disks.json"
echo "L /dev/disk/by-id/ata-LAB-$1 - - - - ../../sda" > "$root/etc/tmpfiles.d/disks.conf"
