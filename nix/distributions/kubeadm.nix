# kubeadm: containerd and a kubelet of the system; the control plane is static pods that kubeadm makes.
{
  module = ./kubeadm;
  ports = {
    control-plane.tcp = [
      2379
      2380
      6443
      10250
    ];
    worker.tcp = [ 10250 ];
  };
  cleanup = [
    "/var/lib/etcd"
    "/etc/kubernetes"
    "/var/lib/containerd"
    "/run/containerd"
  ];
  units = [
    "kubelet.service"
    "containerd.service"
  ];
  swapAllowed = false;
  # It brings no network; these are of those that are used most.
  interfaces = [
    "cni0"
    "flannel.1"
    "cilium_host"
    "cilium_net"
    "cilium_vxlan"
    "cilium_geneve"
    "cilium_wg0"
    "tunl0"
    "vxlan.calico"
    "wireguard.cali"
    "ovn0"
  ];
  # Kubernetes lets anybody ask this.
  api = {
    path = "/readyz";
    ca = "/etc/kubernetes/pki/ca.crt";
  };
  secret = "/etc/kubernetes/pki/sa.key";
}
