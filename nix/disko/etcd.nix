# What etcd's own disk asks of the services: none starts on the bare folder below, with an empty etcd.
{
  lib,
  config,
  cluster,
  node,
  ...
}:
let
  parts = import ./parts.nix {
    inherit
      lib
      config
      cluster
      node
      ;
  };
in
lib.mkIf
  (
    config.nix8s.install != null
    && config.nix8s.disko == null
    && parts.etcd != null
    && node.role == "control-plane"
  )
  {
    # A new file system's folder is open to everybody.
    systemd.tmpfiles.settings.nix8s-etcd.${parts.etcdFolder}.d.mode = "0700";
    systemd.services.${
      {
        k3s = "k3s";
        kubeadm = "kubelet";
        k0s = "k0scontroller";
      }
      .${cluster.distribution}
    }.unitConfig.RequiresMountsFor =
      [ parts.etcdFolder ];
  }
