#!/bin/bash
# Looks at many hosts with nix8s, Ansible and parallel-ssh, each with and without open connections: hosts.sh FOLDER NIX8S HOSTS TIMES XTASK
# The hosts are plain sshds, each in a network namespace of its own. Runs in namespaces of its own, which end with it, and prints
# a line for each run: WHAT HOW COST.
set -euo pipefail
folder=$1 nix8s=$2 hosts=$3 times=$4 xtask=$5
export PATH=$folder/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
export XDG_RUNTIME_DIR=$folder/run
mkdir -p "$folder"/{home/.ssh,bin,keys,project,run}
# Under other names: /root is about to be another folder.
cp "$nix8s" "$folder/bin/nix8s"
cp "$xtask" "$folder/bin/xtask"
# Nothing is evaluated: what is measured is the way to the hosts.
printf '#!/bin/sh\necho "{}"\n' > "$folder/bin/nix"
chmod 755 "$folder/bin/nix"
mount --bind "$folder/home" /root
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd /run/netns
ip link set lo up
ip link add hosts type bridge
ip addr add 10.81.0.1/16 dev hosts
ip link set hosts up
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
{
  printf 'provisioning:\n  nixos-anywhere: {}\nnodes:\n  metal: { install: { disk: /dev/sda } }\nclusters:\n  bench:\n'
  printf '    version: v1.34.2+k3s1\n    distribution: k3s\n    members:\n'
} > "$folder/project/nix8s.yaml"
for ((at = 1; at <= hosts; at++)); do
  address=10.81.$((at / 200 + 1)).$((at % 200 + 1))
  key=$folder/keys/$at
  ssh-keygen -q -t ed25519 -N '' -C '' -f "$key"
  ip netns add "h$at"
  ip link add "v$at" type veth peer name eth0 netns "h$at"
  ip link set "v$at" master hosts up
  ip -n "h$at" link set lo up
  ip -n "h$at" addr add "$address/16" dev eth0
  ip -n "h$at" link set eth0 up
  printf 'Port 22\nHostKey %s\nPidFile none\nAuthorizedKeysFile /root/.ssh/id_ed25519.pub %s\nStrictModes no\nUsePAM no\nSubsystem sftp internal-sftp\n' \
    "$key" "$folder/deploy.pub" > "$key.conf"
  ip netns exec "h$at" /usr/sbin/sshd -f "$key.conf" -E "$folder/sshd.log"
  echo "$address $(cat "$key.pub")" >> /root/.ssh/known_hosts
  echo "$address" >> "$folder/list"
  role=worker
  if [ "$at" -le 3 ]; then role=control-plane; fi
  echo "      m$at: { node: metal, role: $role, ip: $address }" >> "$folder/project/nix8s.yaml"
done
cd "$folder/project"
echo "{}" > nix8s.lock
printf '[all:vars]\nansible_python_interpreter=/usr/bin/python3\n[all]\n' | cat - "$folder/list" > inventory
nix8s init ../other > /dev/null 2>&1
nix8s secrets generate > /dev/null 2>&1
# Machines of ours let it in.
nix8s secrets show --public --only deploy-key > "$folder/deploy.pub"

run() {
  local what=$1 how=$2 kept=$3
  shift 3
  # Connections that are kept from earlier.
  for socket in "$kept"/*; do
    if [ "$how" = cold ] && [ -S "$socket" ]; then ssh -o "ControlPath=$socket" -O exit x 2> /dev/null; fi
  done
  printf '%s %s ' "$what" "$how"
  xtask measure "$@" 2> "$folder/$what.log"
}
observes() { run nix8s "$1" "$XDG_RUNTIME_DIR/nix8s" nix8s plan; }
# Once for what is read and compiled only once.
observes once > "$folder/once"
if ! grep -q '"status":[02]' "$folder/once"; then cat "$folder/nix8s.log" "$folder/once" >&2; exit 1; fi
if nix8s plan 2>&1 | grep -q 'does not answer\|let us in'; then nix8s plan >&2; exit 1; fi
if [ "$hosts" -gt 100 ]; then
  observes cold
  observes warm
  exit
fi
pings() { run ansible "$1" ~/.ansible/cp ansible -i inventory -f "$hosts" -m ping all; }
pssh() { run parallel-ssh "$1" /nowhere parallel-ssh -h "$folder/list" -p "$hosts" -t 60 true; }
pings once > /dev/null
for ((time = 1; time <= times; time++)); do
  for how in cold warm; do
    observes "$how"
    pings "$how"
    pssh "$how"
  done
done
