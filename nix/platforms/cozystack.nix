# Cozystack's needs of its hosts: a Kubernetes without a network of its own, modules and services for storage and networks, and
# limits that its many pods do not reach.
{
  lib,
  config,
  pkgs,
  cluster,
  node,
  ...
}:
let
  inherit (cluster) cozystack;
  path = "clusters.${cluster.name}";
  # Above the defaults of the distributions, and below what anybody else says.
  needed = lib.mkOverride 900;
  everywhere = "bind-address";
  isV4 = lib.versionAtLeast cluster.minor "1.31";
  listening =
    if isV4 then
      [
        {
          name = everywhere;
          value = "0.0.0.0";
        }
      ]
    else
      { ${everywhere} = "0.0.0.0"; };

  k3s.nix8s.k3s.settings = {
    flannel-backend = needed "none";
    flannel-iface = needed null;
    disable-network-policy = needed true;
    disable-kube-proxy = needed true;
    disable = lib.mkDefault [
      "local-storage"
      "metrics-server"
      "servicelb"
      "traefik"
    ];
    # Its monitoring looks at them from other machines.
    kube-controller-manager-arg = lib.mkDefault [ "${everywhere}=0.0.0.0" ];
    kube-scheduler-arg = lib.mkDefault [ "${everywhere}=0.0.0.0" ];
    kubelet-arg = lib.mkDefault [ "max-pods=${toString cozystack.maxPods}" ];
    # Virtual machines have block devices, and do not run as root.
    nonroot-devices = needed true;
  };

  kubeadm = {
    nix8s.kubeadm.documents = {
      ClusterConfiguration = {
        controllerManager.extraArgs = lib.mkDefault listening;
        scheduler.extraArgs = lib.mkDefault listening;
      }
      // lib.optionalAttrs isV4 { proxy.disabled = needed true; };
      InitConfiguration = lib.optionalAttrs (!isV4) {
        skipPhases = lib.mkDefault [ "addon/kube-proxy" ];
      };
      KubeletConfiguration.maxPods = lib.mkDefault cozystack.maxPods;
    };
    virtualisation.containerd.settings.plugins."io.containerd.grpc.v1.cri".device_ownership_from_security_context =
      true;
    warnings =
      lib.optional
        (
          node.role == "control-plane"
          && node.kubernetes.labels."node-role.kubernetes.io/control-plane" or null != "true"
        )
        "${path}.members.${node.member}.kubernetes.labels: Cozystack looks for control planes with node-role.kubernetes.io/control-plane: \"true\", and kubeadm leaves the value empty. Set the label.";
  };

  same = key: {
    assertion = cozystack.network.${key} == null || cozystack.network.${key} == cluster.network.${key};
    message = "${path}.cozystack.network.${key}: ${
      toString cozystack.network.${key}
    } is not the cluster's own (${path}.network.${key}: ${cluster.network.${key}}). Remove it, or make them equal.";
  };
in
{
  # Its networks install themselves.
  imports = lib.optional cozystack.enable ../distributions/cni.nix;

  config = lib.mkIf cozystack.enable (
    lib.mkMerge [
      (lib.optionalAttrs (cluster.distribution == "k3s") k3s)
      (lib.optionalAttrs (cluster.distribution == "kubeadm") kubeadm)
      {
        # LINSTOR, which comes with it, replicates by DRBD.
        nix8s.extensions.drbd.enable = needed true;

        services = {
          openiscsi = {
            enable = lib.mkDefault true;
            name = needed "iqn.2024-01.io.cozystack:${node.name}";
          };
          multipath = {
            enable = lib.mkDefault true;
            pathGroups = [ ];
            # Volumes of the cluster are not paths to disks of this machine.
            blacklist = lib.mkDefault ''devnode "^(drbd|zd|loop|rbd|nbd)[0-9]*"'';
          };
          lvm.boot.thin.enable = lib.mkDefault true;
        };

        boot = {
          supportedFilesystems = [ "nfs" ];
          kernelModules = [
            "dm_thin_pool"
            "geneve"
            "iscsi_tcp"
            "openvswitch"
            "vhost_net"
          ];
          kernel.sysctl = lib.mapAttrs (_: needed) {
            "fs.aio-max-nr" = 1048576;
            "fs.file-max" = 2097152;
            "fs.inotify.max_queued_events" = 65536;
            "fs.inotify.max_user_instances" = 8192;
            "fs.inotify.max_user_watches" = 524288;
            "net.ipv4.neigh.default.gc_thresh1" = 4096;
            "net.ipv4.neigh.default.gc_thresh2" = 8192;
            "net.ipv4.neigh.default.gc_thresh3" = 16384;
            "vm.swappiness" = 1;
          };
        };

        environment.systemPackages = [
          pkgs.lvm2
          pkgs.multipath-tools
          pkgs.nfs-utils
        ];

        # Volume groups inside of tenants' disks are theirs. This machine's own may lie on disks that it decrypts.
        environment.etc."lvm/lvm.conf".text =
          let
            own = map (name: ''"a|^/dev/mapper/${name}$|"'') (
              builtins.attrNames config.boot.initrd.luks.devices
            );
            foreign = map (name: ''"r|^/dev/${name}.*|"'') [
              "drbd"
              "zd"
              "loop"
              "dm-"
            ];
            # The first that fits any name of a device counts for this name; one that is accepted is enough.
            others = lib.optional (own != [ ]) ''"r|^/dev/mapper/.*|"'';
          in
          ''
            devices/global_filter = [ ${lib.concatStringsSep ", " (own ++ others ++ foreign)} ]
            backup/backup = 0
            backup/archive = 0
          '';

        # Between machines. Tenants' own traffic goes through the first.
        networking.firewall = {
          allowedUDPPorts = [
            6081
            7946
          ];
          allowedTCPPorts = [
            # Cilium: health, and what Hubble sees.
            4240
            4244
            # OVN's databases.
            6641
            6642
            6643
            6644
            # MetalLB.
            7946
            # Kubernetes' controllers and Kube-OVN's, for monitoring.
            10257
            10259
            10660
            10661
            10665
            # LINSTOR.
            3366
            3367
            3370
            3371
          ];
          # DRBD: one for each volume.
          allowedTCPPortRanges = [
            {
              from = 7000;
              to = 7999;
            }
          ];
          trustedInterfaces = [
            "cilium_host"
            "cilium_net"
            "ovn0"
          ];
        };

        assertions = [
          (same "podCidr")
          (same "serviceCidr")
        ];
        warnings =
          lib.optional (cluster.clusterDomain != "cozy.local")
            "${path}.clusterDomain: Cozystack takes cozy.local where its Package says nothing else, and this cluster has ${cluster.clusterDomain}. Say cozy.local here, or networking.clusterDomain there.";
      }
    ]
  );
}
