#!/bin/sh
# Builds a control plane from Debian's source package: kubernetes.sh TARGET
# 1.20 is the last one there that brings everything it is built from. It wants a Go of its time.
set -eu
target=$1
case $(go version) in
  *" go1.1"[5-9]*) ;;
  *)
    echo "Kubernetes 1.20 is built with Go 1.15 to 1.19 (Debian bookworm: golang-go), and this is $(go version)"
    exit 75
    ;;
esac
rm -rf "$target.part"
mkdir -p "$target.part/made"
cd "$target.part"
# unpack PATH DIGEST FOLDER
unpack() {
  curl --silent --show-error --fail --location --retry 3 --output source.tar.gz "$NIX8S_LAB_MIRROR/pool/main/$1" || exit 75
  echo "$2  source.tar.gz" | sha256sum --check --quiet
  rm -rf "$3"
  mkdir -p "$3"
  tar -xzf source.tar.gz --strip-components=1 -C "$3"
}
unpack k/kubernetes/kubernetes_1.20.5%2breally1.20.2.orig.tar.gz \
  b83c0780efb182d928dc63d46488a847f161f04e40a94b96bf5247dd671ecdfc go/src/k8s.io/kubernetes
# The one that it brings crashes with a Go from 1.18 on.
unpack g/golang-github-modern-go-reflect2/golang-github-modern-go-reflect2_1.0.2.orig.tar.gz \
  86049e7ba480c7da86b3d459f13a7c6c383a769134bf4eac0023a0aa024244de \
  go/src/k8s.io/kubernetes/vendor/github.com/modern-go/reflect2
cat > version <<'VERSION'
KUBE_GIT_COMMIT=faecb196815e248d3ecfb03c680a4507229c2a56
KUBE_GIT_TREE_STATE=archive
KUBE_GIT_VERSION=v1.20.2
KUBE_GIT_MAJOR=1
KUBE_GIT_MINOR=20
VERSION
export GOPATH="$PWD/go" GOCACHE="$PWD/cache" GO111MODULE=off GOFLAGS='' KUBE_GIT_VERSION_FILE="$PWD/version"
cd go/src/k8s.io/kubernetes
# Only with what nobody else wants to use.
chrt --idle 0 make WHAT='cmd/kube-apiserver cmd/kube-controller-manager cmd/kube-scheduler' >&2
for program in kube-apiserver kube-controller-manager kube-scheduler; do
  install -m 755 "_output/bin/$program" "$target.part/made/"
done
chmod -R u+w "$target.part/go"
mv "$target.part/made" "$target"
rm -rf "$target.part"
