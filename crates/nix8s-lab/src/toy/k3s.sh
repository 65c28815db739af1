#!/bin/sh
# A stand-in for k3s: registers its Node with the lab's API server and keeps it Ready, and says of each pod that is
# bound to it that it runs, until it is stopped: k3s server|agent|--version
set -eu
role=$1
version=@version@
if [ "$role" = --version ]; then
  echo "k3s version $version (lab)"
  exit
fi
name=$(cat /etc/hostname)
ca=/etc/lab/ca.crt
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

# ask METHOD PATH [TYPE]: what is sent comes from standard input.
ask() {
  if [ "$1" = GET ] || [ "$1" = DELETE ]; then set -- "$1" "$2" application/json /dev/null; else set -- "$1" "$2" "$3" -; fi
  curl --silent --show-error --fail --max-time 5 --cacert "$ca" --header "Authorization: Bearer $(cat /etc/lab/token)" \
    --header "Content-Type: $3" --request "$1" --data-binary "@$4" "$(cat /etc/lab/api)$2"
}
now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

mkdir -p /etc/rancher/node /var/lib/rancher/k3s/agent /var/lib/kubelet
echo lab > /etc/rancher/node/password
address=$(ip -j -4 address show eth0 | jq -r '.[0].addr_info[0].local')
server=$(sed -n 's/^server: *//p' /var/lib/nix8s/k3s.yaml)
# A server that was begun without etcd keeps what it has in a file.
etcd=
db=/var/lib/rancher/k3s/server/db
if [ "$role" = server ]; then
  mkdir -p /etc/rancher/k3s
  install -m 600 /etc/lab/kubeconfig /etc/rancher/k3s/k3s.yaml
  if [ ! -e "$db/state.db" ]; then
    rm -f /run/k3s-etcd.votes
    /usr/local/bin/k3s-etcd "$address" "$server" &
    etcd=$!
    until [ -e /run/k3s-etcd.votes ]; do
      kill -0 "$etcd" 2> /dev/null || exit 1
      sleep 0.2
    done
  fi
  # Every server answers with the cluster's API.
  systemd-socket-activate --listen=6443 /usr/lib/systemd/systemd-socket-proxyd "$(sed 's#https://##' /etc/lab/api)" &
fi
# Who joins asks the server that it was told about.
if [ -n "$server" ]; then
  until curl --silent --show-error --fail --max-time 5 --cacert "$ca" --header "Authorization: Bearer $(cat /etc/lab/token)" \
    "$server/readyz" > /dev/null; do sleep 1; done
fi

labels=$(jq -n --arg name "$name" --arg role "$role" --arg etcd "$etcd" '{"kubernetes.io/hostname": $name, "kubernetes.io/os": "linux"} +
  if $role == "server" then {"node-role.kubernetes.io/control-plane": "true", "node-role.kubernetes.io/master": "true"} else {} end +
  if $etcd == "" then {} else {"node-role.kubernetes.io/etcd": "true"} end')
until ask GET "/api/v1/nodes/$name" > /dev/null 2>&1 || jq -n --arg name "$name" --argjson labels "$labels" \
  '{apiVersion: "v1", kind: "Node", metadata: {name: $name, labels: $labels}}' |
  ask POST /api/v1/nodes application/json > /dev/null; do sleep 1; done
jq -n --arg name "$name" '{apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: {name: $name},
  spec: {holderIdentity: $name, leaseDurationSeconds: 40}}' |
  ask POST /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases application/json > /dev/null 2>&1 || true

if [ -n "$etcd" ]; then
  jq -n --arg member "$(cat /var/lib/rancher/k3s/server/db/etcd/name)" \
    '{metadata: {annotations: {"etcd.k3s.cattle.io/node-name": $member}}}' |
    ask PATCH "/api/v1/nodes/$name" application/merge-patch+json > /dev/null
fi
while :; do
  # A server is nothing without its etcd.
  if [ -n "$etcd" ] && ! kill -0 "$etcd" 2> /dev/null; then exit 1; fi
  jq -n --arg name "$name" --arg address "$address" --arg version "$version" --arg now "$(now)" --arg etcd "$etcd" \
    --arg machine "$(cat /etc/machine-id)" --arg boot "$(cat /proc/sys/kernel/random/boot_id)" --arg kernel "$(uname -r)" \
    --arg os "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)" '
    def condition(type; status; reason): {type: type, status: status, reason: reason, message: reason,
      lastHeartbeatTime: $now, lastTransitionTime: $now};
    {status: {
      capacity: {cpu: "4", memory: "8Gi", pods: "110"}, allocatable: {cpu: "4", memory: "8Gi", pods: "110"},
      addresses: [{type: "InternalIP", address: $address}, {type: "Hostname", address: $name}],
      conditions: ([condition("Ready"; "True"; "KubeletReady"),
        condition("MemoryPressure"; "False"; "KubeletHasSufficientMemory"),
        condition("DiskPressure"; "False"; "KubeletHasNoDiskPressure"),
        condition("PIDPressure"; "False"; "KubeletHasSufficientPID")] +
        if $etcd != "" then [condition("EtcdIsVoter"; "True"; "MemberNotLearner")] else [] end),
      nodeInfo: {machineID: $machine, systemUUID: $machine, bootID: $boot, kernelVersion: $kernel, osImage: $os,
        containerRuntimeVersion: "containerd://1.7.0", kubeletVersion: $version, kubeProxyVersion: $version,
        operatingSystem: "linux", architecture: "amd64"}}}' |
    ask PATCH "/api/v1/nodes/$name/status" application/strategic-merge-patch+json > /dev/null || true
  jq -n --arg now "$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)" '{spec: {renewTime: $now}}' |
    ask PATCH "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/$name" application/merge-patch+json > /dev/null || true

  # Pods start at once, and end when they are told to.
  ask GET "/api/v1/pods?fieldSelector=spec.nodeName=$name" | jq -r '.items[] | select(.status.phase == "Pending" or
    .metadata.deletionTimestamp) | [.metadata.namespace, .metadata.name, (.metadata.deletionTimestamp // "")] | join(" ")' |
    while read -r namespace pod deleted; do
      if [ -n "$deleted" ]; then
        ask DELETE "/api/v1/namespaces/$namespace/pods/$pod?gracePeriodSeconds=0" > /dev/null || true
      else
        jq -n --arg now "$(now)" '{status: {phase: "Running", conditions: [
          {type: "Ready", status: "True", lastTransitionTime: $now},
          {type: "ContainersReady", status: "True", lastTransitionTime: $now}]}}' |
          ask PATCH "/api/v1/namespaces/$namespace/pods/$pod/status" application/strategic-merge-patch+json > /dev/null || true
      fi
    done || true

  # A server whose Node says so is taken out of etcd by another.
  if [ -n "$etcd" ]; then
    ask GET /api/v1/nodes | jq -r --arg name "$name" '.items[] | select(.metadata.annotations["etcd.k3s.cattle.io/remove"] == "true" and
      (.metadata.annotations["etcd.k3s.cattle.io/removed-node-name"] | not) and .metadata.name != $name) |
      [.metadata.name, .metadata.annotations["etcd.k3s.cattle.io/node-name"]] | join(" ")' |
      while read -r gone member; do
        /usr/local/bin/k3s-etcd remove "$member" > /dev/null &&
          jq -n --arg member "$member" '{metadata: {annotations: {"etcd.k3s.cattle.io/removed-node-name": $member}}}' |
          ask PATCH "/api/v1/nodes/$gone" application/merge-patch+json > /dev/null || true
      done || true
  fi
  sleep 1
done
