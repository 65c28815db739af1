# What Kubernetes needs of a host, whichever distribution brings it.
{
  lib,
  cluster,
  ...
}:
{
  boot.kernelModules = [
    "br_netfilter"
    "overlay"
    "nf_conntrack"
  ];

  boot.kernel.sysctl = lib.mapAttrs (_: lib.mkDefault) (
    {
      "net.ipv4.ip_forward" = 1;
      "net.bridge.bridge-nf-call-iptables" = 1;
      "net.bridge.bridge-nf-call-ip6tables" = 1;
      # Each pod that watches files takes of these.
      "fs.inotify.max_user_instances" = 8192;
      "fs.inotify.max_user_watches" = 524288;
    }
    # It also makes the machine deaf to router advertisements, so only where pods have such addresses.
    // lib.optionalAttrs (lib.hasInfix ":" cluster.network.podCidr) {
      "net.ipv6.conf.all.forwarding" = 1;
    }
  );

  # As long as the kubelets may take to end their pods; shorter, and logind would not wait for them. A drop-in, because the
  # option for it has another name in each of the last releases.
  environment.etc."systemd/logind.conf.d/nix8s.conf".text = ''
    [Login]
    InhibitDelayMaxSec=30
  '';

  systemd.tmpfiles.settings.nix8s = {
    "/var/lib/nix8s".d.mode = "0755";
    "/var/lib/nix8s/secrets".d.mode = "0700";
  };

  assertions = [
    {
      assertion = !cluster.pki.external && cluster.pki.caCert == null && cluster.pki.caKey == null;
      message = "clusters.${cluster.name}.pki: this version of nix8s brings no certificate authority of yours to machines; the cluster would begin with one of its own, for good. Remove it.";
    }
  ];
}
