#!/bin/bash
# The etcd that is in a k3s server, under the names and in the places that k3s gives it: k3s-etcd ADDRESS [SERVER]
# or, to take a member out: k3s-etcd remove MEMBER
# Whoever joins asks the etcd beside the server that it was told about, and becomes a learner first.
set -euo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
folder=/var/lib/rancher/k3s/server
tls=$folder/tls/etcd
db=$folder/db/etcd

# ask ENDPOINT COMMAND...
ask() {
  etcdctl --command-timeout=5s --cacert "$tls/server-ca.crt" --cert "$tls/client.crt" --key "$tls/client.key" \
    --endpoints "https://$1:2379" "${@:2}"
}
# The member with a name or a peer address: members ENDPOINT | member VALUE
members() { ask "$1" member list | tr -d ' '; }
member() { awk -F, -v want="$1" '$3 == want || $4 == want'; }

if [ "$1" = remove ]; then
  id=$(members 127.0.0.1 | member "$2" | cut -d, -f1)
  [ -z "$id" ] || ask 127.0.0.1 member remove "$id"
  exit
fi
address=$1
server=${2-}
server=${server#https://}
server=${server%:*}

# signed NAME USAGE
signed() {
  openssl ecparam -name prime256v1 -genkey -noout -out "$tls/$1.key"
  openssl req -new -key "$tls/$1.key" -subj "/CN=etcd-$1" |
    openssl x509 -req -CA /etc/lab/etcd-ca.crt -CAkey /etc/lab/etcd-ca.key -days 3650 -out "$tls/$1.crt" \
      -extfile <(printf 'extendedKeyUsage=%s\nsubjectAltName=DNS:localhost,IP:127.0.0.1,IP:%s\n' "$2" "$address")
}
umask 077
mkdir -p "$tls" "$db"
if [ ! -e "$tls/server-ca.crt" ]; then
  signed server-client serverAuth,clientAuth
  signed client clientAuth
  cp /etc/lab/etcd-ca.crt "$tls/server-ca.crt"
fi

# Who was taken out comes back as somebody new.
if [ -e "$db/tombstone" ]; then
  rm -rf "$db"
  mkdir -p "$db"
fi
[ -e "$db/name" ] || echo "$(cat /etc/hostname)-$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')" > "$db/name"
name=$(cat "$db/name")
state=new
cluster=$name=https://$address:2380
if [ ! -d "$db/member" ] && [ -n "$server" ]; then
  state=existing
  there=$(members "$server" | member "https://$address:2380")
  case $there in
    '') ask "$server" member add "$name" --learner --peer-urls="https://$address:2380" > /dev/null ;;
    # It was added, and did not start.
    *,unstarted,* | *",$name,"*) ;;
    *)
      echo "etcd cluster join failed: duplicate node name found, please use a unique name for this node: $there" >&2
      exit 1
      ;;
  esac
  cluster=$(members "$server" | awk -F, -v me="$name" '{ printf "%s%s=%s", comma, ($3 == "" ? me : $3), $4; comma = "," }')
fi

log=/run/k3s-etcd.log
: > "$log"
keys=(--trusted-ca-file="$tls/server-ca.crt" --cert-file="$tls/server-client.crt" --key-file="$tls/server-client.key")
etcd --name="$name" --data-dir="$db" --heartbeat-interval=500 --election-timeout=5000 --unsafe-no-fsync \
  --logger=zap --log-level=warn --log-outputs="stderr,$log" \
  --client-cert-auth "${keys[@]}" --peer-client-cert-auth "${keys[@]/#--/--peer-}" \
  --listen-client-urls="https://127.0.0.1:2379,https://$address:2379" --advertise-client-urls="https://$address:2379" \
  --listen-peer-urls="https://$address:2380" --initial-advertise-peer-urls="https://$address:2380" \
  --initial-cluster="$cluster" --initial-cluster-state="$state" &
etcd=$!
# A learner votes as soon as it has caught up. It says nothing about members before.
until mine=$(members 127.0.0.1 2> /dev/null | member "$name") && [[ $mine == *,false ]]; do
  kill -0 "$etcd" || break
  if [ -n "$server" ]; then
    id=$(members "$server" 2> /dev/null | member "$name" | cut -d, -f1) || id=
    if [ -n "$id" ]; then ask "$server" member promote "$id" > /dev/null 2>&1 || true; fi
  fi
  sleep 0.2
done
touch /run/k3s-etcd.votes
status=0
wait "$etcd" || status=$?
rm -f /run/k3s-etcd.votes
if grep -q 'permanently removed\|has been removed' "$log"; then touch "$db/tombstone"; fi
exit "$status"
