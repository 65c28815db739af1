# k0s: documents may name it; its machines are refused for now.
{
  module = ./k0s;
  ports = {
    control-plane.tcp = [
      2380
      6443
      8132
      9443
    ];
    worker.tcp = [ 10250 ];
  };
  cleanup = [
    "/var/lib/k0s"
    "/etc/k0s"
    "/run/k0s"
  ];
  units = [
    "k0scontroller.service"
    "k0sworker.service"
  ];
  swapAllowed = true;
  interfaces = [
    "kube-bridge"
    "vxlan.calico"
  ];
  api = {
    path = "/readyz";
    ca = "/var/lib/k0s/pki/ca.crt";
  };
  secret = "/var/lib/k0s/pki/sa.key";
}
