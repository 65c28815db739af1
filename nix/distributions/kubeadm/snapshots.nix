# Snapshots of kubeadm's etcd: a timer on each control plane, for kubeadm makes none.
{
  lib,
  pkgs,
  cluster,
  node,
  ...
}:
let
  inherit (cluster.etcd) snapshot;
  path = "clusters.${cluster.name}.etcd.snapshot";
  every = import ../interval.nix { inherit lib; };
  keys = "/etc/kubernetes/pki/etcd";
  folder = if snapshot.dir == null then "/var/lib/nix8s/etcd-snapshots" else snapshot.dir;
  isWanted = node.role == "control-plane" && snapshot.interval != null;
in
{
  systemd.services.nix8s-etcd-snapshot = lib.mkIf isWanted {
    description = "A snapshot of etcd";
    unitConfig.ConditionPathExists = "${keys}/healthcheck-client.key";
    path = [ pkgs.etcd ];
    serviceConfig = {
      Type = "oneshot";
      # All Secrets are in it.
      UMask = "0077";
    };
    environment.ETCDCTL_API = "3";
    script = ''
      mkdir -p ${lib.escapeShellArg folder}
      cd ${lib.escapeShellArg folder}
      name=etcd-$(date --utc +%Y%m%dT%H%M%SZ).db
      etcdctl --endpoints=https://127.0.0.1:2379 --cacert=${keys}/ca.crt \
        --cert=${keys}/healthcheck-client.crt --key=${keys}/healthcheck-client.key snapshot save ".$name"
      mv ".$name" "$name"
      # By name is by age.
      printf '%s\n' etcd-*.db | head --lines=-${toString snapshot.retention} | xargs --no-run-if-empty rm --
    '';
  };
  systemd.timers.nix8s-etcd-snapshot = lib.mkIf isWanted {
    description = "Snapshots of etcd";
    wantedBy = [ "timers.target" ];
    timerConfig = {
      # A machine that restarts more often than that has snapshots too.
      OnBootSec = "15min";
      OnUnitActiveSec = every.seconds snapshot.interval;
      RandomizedDelaySec = 60;
    };
  };

  assertions = [
    {
      assertion = snapshot.s3 == null;
      message = "${path}.s3: nix8s copies snapshots to a bucket with k3s only. Remove it, and copy ${folder} by other means.";
    }
  ];
}
