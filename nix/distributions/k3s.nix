# k3s: one binary with its own containerd, whose version is the system's.
{
  module = ./k3s;
  # What other machines, and clients of the API, reach on a machine of a role. What the network between pods needs is
  # opened by whoever chooses that network.
  ports = {
    control-plane.tcp = [
      2379
      2380
      6443
      10250
    ];
    worker.tcp = [ 10250 ];
  };
  # Its state, on a machine that leaves. Each is emptied within its own file system.
  cleanup = [
    "/var/lib/rancher/k3s/server/db"
    "/var/lib/rancher/k3s"
    "/etc/rancher"
    "/run/k3s"
    "/run/flannel"
  ];
  units = [ "k3s.service" ];
  swapAllowed = true;
  # Interfaces of the network that comes with it.
  interfaces = [
    "cni0"
    "flannel.1"
    "flannel-v6.1"
    "flannel-wg"
    "flannel-wg-v6"
  ];
  # How the API of a machine is asked without a login, and what it proves itself with.
  api = {
    path = "/ping";
    ca = "/var/lib/rancher/k3s/server/tls/server-ca.crt";
  };
  # A file that all control planes of a cluster have and nobody else.
  secret = "/var/lib/nix8s/secrets/token";
}
