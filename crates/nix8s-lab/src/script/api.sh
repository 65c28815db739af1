#!/bin/sh
# What the control plane needs to know: api.sh HOME ADDRESS ADDRESSES
# Runs in the operator's root. Prints nothing.
set -eu
home=$1
address=$2
mkdir -p /var/lib/kubernetes
cd /var/lib/kubernetes
umask 077
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
# signed NAME SUBJECT EXTENSIONS
signed() {
  key "$1"
  printf '%s\n' "$3" > "$1.ext"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -extfile "$1.ext" -out "$1.crt" 2> /dev/null
}
key ca
openssl req -x509 -new -key ca.key -subj /CN=lab -days 3650 -out ca.crt -addext keyUsage=critical,keyCertSign
signed server /CN=kube-apiserver "subjectAltName=DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1,IP:10.43.0.1,IP:$address$3"
signed admin /O=system:masters/CN=admin extendedKeyUsage=clientAuth
key accounts
openssl rand -hex 16 > token
printf '%s,lab-kubelet,lab-kubelet,"system:masters"\n' "$(cat token)" > tokens.csv
# kubeconfig SERVER
kubeconfig() {
  cat << CONFIG
apiVersion: v1
kind: Config
clusters:
- name: default
  cluster: { server: "https://$1:6443", certificate-authority-data: $(base64 -w0 ca.crt) }
users:
- name: default
  user: { client-certificate-data: $(base64 -w0 admin.crt), client-key-data: $(base64 -w0 admin.key) }
contexts:
- name: default
  context: { cluster: default, user: default }
current-context: default
CONFIG
}
kubeconfig "$address" > "$home/kubeconfig"
mkdir host
kubeconfig 127.0.0.1 > host/kubeconfig
cp ca.crt token host/
# What the servers' own etcd is signed with. k3s sends it to whoever joins.
key host/etcd-ca
openssl req -x509 -new -key host/etcd-ca.key -subj /CN=etcd-server-ca -days 3650 -out host/etcd-ca.crt -addext keyUsage=critical,keyCertSign
echo "https://$address:6443" > host/api
