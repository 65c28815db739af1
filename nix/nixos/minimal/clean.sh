# Ends what a Kubernetes distribution left running and removes what it left behind: processes, mounts, interfaces, rules, state.
# What is on other file systems below the folders stays: volumes are unmounted, and never deleted.
#
# UNITS, FOLDERS, INTERFACES and FILES are lists of words.
set -u
failed=

# Below a folder, deepest first. The folder itself may be a disk of the machine.
mounts_below() {
  findmnt --noheadings --raw --output TARGET | while read -r target; do
    # findmnt writes blanks as \x20.
    target=$(printf '%b' "$target")
    case $target in "$1"/*) printf '%s\n' "$target" ;; esac
  done | sort --reverse
}

for unit in $UNITS; do
  systemctl stop "$unit" 2>/dev/null
  # The processes of containers outlive the unit.
  cgroup=/sys/fs/cgroup/system.slice/$unit/cgroup.kill
  if [ -e "$cgroup" ]; then echo 1 >"$cgroup"; fi
done
for cgroup in kubepods.slice kubepods k8s.io; do
  if [ -e "/sys/fs/cgroup/$cgroup/cgroup.kill" ]; then echo 1 >"/sys/fs/cgroup/$cgroup/cgroup.kill"; fi
done

for space in /run/netns/cni-*; do
  if [ -e "$space" ]; then ip netns delete "${space##*/}"; fi
done

is_own() {
  for folder in $FOLDERS; do
    if [ "$1" = "$folder" ]; then return 0; fi
  done
  return 1
}
for folder in $FOLDERS; do
  mounts_below "$folder" | while read -r target; do
    # A disk that the system mounts for the distribution.
    if is_own "$target"; then continue; fi
    umount "$target" || umount --lazy "$target"
  done
done

for interface in $INTERFACES; do
  if ip link show dev "$interface" >/dev/null 2>&1; then ip link delete dev "$interface"; fi
done

for family in iptables ip6tables; do
  rules=$("$family-save" 2>/dev/null)
  case $rules in
  *KUBE-* | *CNI-* | *FLANNEL-* | *flannel*)
    printf '%s\n' "$rules" | grep --invert-match --extended-regexp 'KUBE-|CNI-|FLANNEL-|flannel' | "$family-restore" || failed=1
    ;;
  esac
done
for family in ip ip6; do
  nft delete table "$family" kube-proxy 2>/dev/null
done

for folder in $FOLDERS; do
  if [ ! -d "$folder" ]; then continue; fi
  find "$folder" -xdev -mindepth 1 -depth ! -type d -delete || failed=1
  # What cannot go is the way to another file system.
  find "$folder" -xdev -mindepth 1 -depth -type d -exec rmdir --ignore-fail-on-non-empty {} + 2>/dev/null
  rmdir "$folder" 2>/dev/null
done
for file in $FILES; do
  rm --recursive --force --one-file-system "$file" || failed=1
done

if [ -n "$failed" ]; then
  echo "something of Kubernetes is left; see above" >&2
  exit 1
fi
