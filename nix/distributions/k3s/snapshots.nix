# Snapshots of k3s's etcd: when, how many, and which bucket they are copied to.
{
  lib,
  config,
  cluster,
  node,
  ...
}:
let
  inherit (cluster.etcd) snapshot;
  path = "clusters.${cluster.name}.etcd.snapshot";
  every = import ../interval.nix { inherit lib; };
  s3 = if snapshot.s3 == null then { } else snapshot.s3;
  keys = builtins.filter (key: (s3.${key} or null) != null) [
    "accessKey"
    "secretKey"
  ];
  isServer = node.role == "control-plane";
in
lib.mkIf isServer {
  nix8s.k3s.settings = lib.mapAttrs (_: lib.mkDefault) (
    {
      etcd-snapshot-schedule-cron =
        if snapshot.interval == null then null else every.cron snapshot.interval;
      etcd-snapshot-retention = snapshot.retention;
      etcd-snapshot-dir = snapshot.dir;
    }
    // lib.optionalAttrs (s3 != { }) {
      etcd-s3 = true;
      etcd-s3-endpoint = s3.endpoint or null;
      etcd-s3-bucket = s3.bucket or null;
      etcd-s3-region = s3.region or null;
      etcd-s3-folder = s3.folder or null;
      etcd-s3-insecure = if s3.insecure or false == true then true else null;
    }
  );

  # AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which k3s takes for the bucket's keys.
  systemd.services.k3s.serviceConfig.EnvironmentFile = lib.mkIf (s3 != { }) (
    lib.mkForce (
      [ "-/var/lib/nix8s/secrets/etcd-s3.env" ]
      ++ lib.optional (config.services.k3s.environmentFile != null) config.services.k3s.environmentFile
    )
  );

  assertions = [
    {
      assertion = snapshot.interval == null || every.cron snapshot.interval != null;
      message = "${path}.interval: k3s makes snapshots at times of the day, and ${toString snapshot.interval} does not divide a day (or an hour) evenly. Take, for example, 30m, 6h or 12h.";
    }
  ];
  warnings =
    lib.optional (keys != [ ])
      "${path}.s3: ${lib.concatStringsSep " and " keys} would be in the Nix store, which everybody on the machine can read. They are left out: put them on the control planes in /var/lib/nix8s/secrets/etcd-s3.env, as AWS_ACCESS_KEY_ID=… and AWS_SECRET_ACCESS_KEY=….";
}
