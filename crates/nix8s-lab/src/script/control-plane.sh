#!/bin/bash
# A control plane, until one of its parts ends: control-plane.sh HOME ADDRESS
# Runs in the operator's root, in a network of its own. Each part writes a log in /var/lib/kubernetes.
set -eu
config=$1/kubeconfig
address=$2
cd /var/lib/kubernetes
PATH=/opt/kubernetes:$PATH
# Each part ends with this script.
part() { setpriv --pdeathsig KILL "${@:2}" > "$1.log" 2>&1 & }
part etcd etcd --data-dir=etcd --listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379 \
  --listen-peer-urls=http://127.0.0.1:2380 --unsafe-no-fsync
etcd=$!
part apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 --bind-address=0.0.0.0 --secure-port=6443 \
  --advertise-address="$address" --endpoint-reconciler-type=none --anonymous-auth=false --cert-dir=. \
  --tls-cert-file=server.crt --tls-private-key-file=server.key --client-ca-file=ca.crt --token-auth-file=tokens.csv \
  --authorization-mode=RBAC --disable-admission-plugins=ServiceAccount --allow-privileged=true \
  --service-account-issuer=https://kubernetes.default.svc --service-account-key-file=accounts.key \
  --service-account-signing-key-file=accounts.key --service-cluster-ip-range=10.43.0.0/16
apiserver=$!
until curl --silent --fail --cacert ca.crt --cert admin.crt --key admin.key https://127.0.0.1:6443/readyz > /dev/null; do
  if ! kill -0 "$etcd" || ! kill -0 "$apiserver"; then
    tail --lines=20 etcd.log apiserver.log >&2
    exit 1
  fi
  sleep 0.1
done
# Nodes that are silent for eight seconds, and not for forty, are NotReady.
part controllers kube-controller-manager --kubeconfig="$config" --leader-elect=false --service-account-private-key-file=accounts.key \
  --root-ca-file=ca.crt --node-monitor-period=1s --node-monitor-grace-period=8s
part scheduler kube-scheduler --kubeconfig="$config" --leader-elect=false
echo ready
wait -n || true
