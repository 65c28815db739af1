#!/bin/sh
# Makes the root that hosts and the operator begin with: base.sh TARGET
# In memory first, because dpkg waits for the disk after each file; then as a whole to its place.
set -eu
target=$1
curl --silent --show-error --fail --location --retry 3 --output /dev/null "$NIX8S_LAB_MIRROR/dists/trixie/Release" || exit 75
made=$(mktemp -d)
mount -t tmpfs -o size=3g,mode=755 tmpfs "$made"
# libdbi-perl: debootstrap does not see that it is what nix-bin's perl-dbdabi asks for.
debootstrap --variant=minbase --include=ca-certificates,curl,dbus,etcd-client,etcd-server,iproute2,iputils-ping,jq,libdbi-perl,nftables,nix-bin,nix-setup-systemd,openssh-client,openssh-server,openssl,procps,sudo,systemd,systemd-sysv \
  trixie "$made" "$NIX8S_LAB_MIRROR" >&2
chroot "$made" systemctl --quiet disable etcd.service
rm -rf "$made"/var/cache/apt/archives/*.deb "$made"/var/lib/apt/lists/* "$made"/usr/share/doc "$made"/usr/share/man
rm -f "$made"/etc/ssh/ssh_host_* "$made"/etc/machine-id "$made"/etc/hostname "$made"/etc/resolv.conf
mkdir -p "$made"/etc/nix "$made"/etc/systemd/journald.conf.d "$made"/root/.ssh
cat > "$made"/etc/nix/nix.conf <<'NIX'
experimental-features = nix-command flakes
# There is no network.
build-users-group = nixbld
sandbox = false
substituters =
flake-registry =
NIX
printf '[Journal]\nSystemMaxUse=16M\nSyncIntervalSec=0\n' > "$made"/etc/systemd/journald.conf.d/small.conf
# A host that does not come back must say so soon.
mkdir -p "$made"/etc/systemd/system.conf.d
printf '[Manager]\nDefaultTimeoutStopSec=10s\n' > "$made"/etc/systemd/system.conf.d/quick.conf
rm -rf "$target.part"
cp -a "$made" "$target.part"
mv "$target.part" "$target"
