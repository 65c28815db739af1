#!/bin/sh
# What a machine knows about itself, as text: sections, each line of which begins with a blank. It only reads. What cannot be
# learnt is left out; facts.rs says what it means.
exec 2>/dev/null
LC_ALL=C
export LC_ALL
if [ -n "${1-}" ]; then root=$1; else root=; fi

# Each program costs a millisecond or two, and there may be hundreds of machines on one computer: the shell does what it can.
section() { printf '= %s\n' "$1"; }
lines() { while IFS= read -r line || [ -n "$line" ]; do printf ' %s\n' "$line"; done; }
show() { section "$1" && lines <"$2"; }

echo 'nix8s facts 1'
section clock
printf ' %s\n' "$(date +%s)"
for f in "$root/etc/os-release" "$root/usr/lib/os-release"; do
  if [ -r "$f" ]; then show os-release "$f"; break; fi
done
section uuid
for f in /sys/class/dmi/id/product_uuid /sys/firmware/devicetree/base/serial-number; do
  if [ -r "$root$f" ]; then tr -d '\000' <"$root$f" | lines; echo; break; fi
done

# Interfaces that are hardware; where none is (a container), all.
section macs
for only in device address; do
  found=
  for i in "$root"/sys/class/net/*; do
    case ${i##*/} in lo) continue ;; esac
    if [ -e "$i/$only" ] && [ -r "$i/address" ]; then lines <"$i/address"; found=1; fi
  done
  [ -z "$found" ] || break
done

section lsblk
disks=$(lsblk --json --bytes --output PATH,TYPE,SIZE,SERIAL,WWN,FSTYPE,PTTYPE,PARTTYPE,PARTLABEL,LABEL)
[ -z "$disks" ] || printf '%s\n' "$disks" | sed 's/^/ /'
section links
for l in "$root"/dev/disk/by-id/* "$root"/dev/disk/by-path/*; do
  if [ -L "$l" ]; then printf ' %s %s\n' "$(readlink -f "$l")" "${l#"$root"}"; fi
done

# Who it is: on its root, or, seen from an installer, on the EFI system partitions of its disks.
mark=$root/var/lib/nix8s/identity.json
if [ -r "$mark" ]; then
  show mark "$mark"
elif [ "${disks#*c12a7328-f81f-11d2-ba4b-00a0c93ec93b}" != "$disks" ]; then
  lsblk --noheadings --paths --list --output NAME,PARTTYPE |
    while read -r device type; do
      [ "$type" = c12a7328-f81f-11d2-ba4b-00a0c93ec93b ] || continue
      at=$(lsblk --noheadings --nodeps --output MOUNTPOINT "$device")
      if [ -n "$at" ]; then
        [ ! -r "$at/EFI/nix8s/identity.json" ] || show mark "$at/EFI/nix8s/identity.json"
        continue
      fi
      at=$(mktemp -d) || continue
      if mount -t vfat -o ro "$device" "$at"; then
        [ ! -r "$at/EFI/nix8s/identity.json" ] || show mark "$at/EFI/nix8s/identity.json"
        umount "$at"
      else
        section unread
        printf ' %s\n' "$device"
      fi
      rmdir "$at"
    done
fi

if [ -e "$root/etc/NIXOS" ] || [ -e "$root/run/current-system" ]; then
  section running
  system=$(readlink -f "$root/run/current-system") && printf ' %s\n' "$system"
  [ ! -r "$root/run/current-system/etc/nix8s/system.json" ] ||
    show system "$root/run/current-system/etc/nix8s/system.json"
  section boots
  system=$(readlink -f "$root/nix/var/nix/profiles/system") && printf ' %s\n' "$system"
  # What is valid in the store has all that it refers to.
  section copied
  set --
  for s in "$root"/nix/store/*-nixos-system-*; do
    case $s in *.drv) ;; *) [ ! -d "$s" ] || set -- "$@" "$s" ;; esac
  done
  if [ $# -gt 0 ] && invalid=$(nix-store --check-validity --print-invalid "$@"); then
    for s in "$@"; do
      case "
$invalid
" in *"
$s
"*) ;; *) printf ' %s\n' "$s" ;; esac
    done
  fi
fi
# A machine that is about to boot is in the middle of a switch, too.
if [ -e "$root/var/lib/nix8s/switch/armed.json" ] || [ -e "$root/run/nix8s/boots" ]; then section armed; fi

section space
set --
for d in /nix /boot /tmp /var/lib; do [ ! -d "$root$d" ] || set -- "$@" "$root$d"; done
# A line for each, in their order, below a heading. If one cannot be asked, nobody could tell which line is missing.
if [ $# -gt 0 ] && all=$(df -Pk "$@"); then
  printf '%s\n' "$all" | {
    read -r line
    for d in "$@"; do read -r line && printf ' %s %s\n' "${d#"$root"}" "$line"; done
  }
else
  for d in "$@"; do df -Pk "$d" | sed -n "2s|^| ${d#"$root"} |p"; done
fi

section kubelet
systemctl is-active k3s.service k3s-agent.service kubelet.service k0scontroller.service k0sworker.service \
  rke2-server.service rke2-agent.service | lines
db=/var/lib/rancher/k3s/server/db
for d in $db/etcd $db/state.db /var/lib/etcd/member /var/lib/k0s/etcd/member; do
  if [ -e "$root$d" ]; then section datastore && break; fi
done
# k3s renames the file when it has moved what is in it into etcd.
[ ! -e "$root$db/state.db" ] || [ -e "$root$db/etcd/member" ] || [ -e "$root/var/lib/etcd/member" ] || section sqlite
# server/ may be there for the disk that is mounted in it.
for d in /var/lib/rancher/k3s/agent /var/lib/rancher/k3s/server/tls /etc/rancher/node/password /etc/kubernetes/pki \
  /etc/kubernetes/kubelet.conf /var/lib/kubelet/pki /var/lib/k0s/pki; do
  if [ -e "$root$d" ]; then section distribution && break; fi
done
# What it was told counts again when it is told again, once it was told that it leaves.
if [ -r "$root/var/lib/nix8s/membership.json" ] && [ ! -e "$root/run/systemd/system/k3s.service.d/nix8s-leaves.conf" ]; then
  section membership
  sha256sum "$root/var/lib/nix8s/membership.json" | lines
fi
section components
if command -v k3s >/dev/null; then k3s --version | lines; fi
manifest=$root/etc/kubernetes/manifests/kube-apiserver.yaml
[ ! -r "$manifest" ] || sed -n 's/.*image:.*kube-apiserver:/ kube-apiserver /p' "$manifest"

# etcd as this machine's own member sees it.
for keys in \
  /var/lib/rancher/k3s/server/tls/etcd:server-ca.crt:client.crt:client.key \
  /etc/kubernetes/pki/etcd:ca.crt:healthcheck-client.crt:healthcheck-client.key; do
  d=$root${keys%%:*} keys=${keys#*:}
  ca=$d/${keys%%:*} keys=${keys#*:}
  [ -r "$ca" ] || continue
  ask() { curl --silent --show-error --max-time 3 --cacert "$ca" --cert "$d/${keys%%:*}" --key "$d/${keys#*:}" "$@"; }
  members=$(ask --data '{}' https://127.0.0.1:2379/v3/cluster/member/list) || break
  case $d in */rancher/*) section etcd-k3s ;; *) section etcd ;; esac
  printf '%s\n' "$members" | lines
  section health
  printf '%s\n' "$members" | sed 's/[][",]/\n/g' | grep '^https://.*:2379$' | sort -u |
    {
      while read -r url; do
        { ask "$url/health" | grep -q '"health":"true"' && printf ' %s\n' "$url"; } &
      done
      # Who waits is the shell that asked them.
      wait
    }
  break
done
section end
