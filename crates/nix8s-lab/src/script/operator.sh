#!/bin/sh
# What makes a root the operator's: operator.sh HOME HOSTS INSTALLER [FOLDER]...
# The folders are seen where they are outside.
set -eu
home=$1
root=/run/lab/operator/root
install -m 644 "$2" "$root/etc/hosts"
echo operator > "$root/etc/hostname"
printf '%s' "$3" > "$root/usr/local/bin/nixos-anywhere"
chmod 755 "$root/usr/local/bin/nixos-anywhere"
shift 3
# ssh asks the list of users, not $HOME.
sed -i "s#^root:\(.*\):/root:#root:\1:$home:#" "$root/etc/passwd"
for folder in "$home" "$@"; do
  mkdir -p "$root$folder"
  mount --rbind "$folder" "$root$folder"
done
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
