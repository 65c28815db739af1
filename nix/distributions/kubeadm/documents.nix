# What kubeadm is told, as data: the documents of `kubeadm init`, and those of `kubeadm join` without what is the moment's
# (address, token, certificate key).
{ lib }:
{
  cluster,
  node,
  # The machine's address, or null.
  ip,
  version,
}:
let
  # From 1.31 on; the form before that is not read for ever.
  isV4 = lib.versionAtLeast cluster.minor "1.31";
  apiVersion = "kubeadm.k8s.io/${if isV4 then "v1beta4" else "v1beta3"}";
  present = lib.filterAttrs (_: value: value != null && value != { } && value != [ ]);

  # Arguments are a list since v1beta4, and were a map before.
  arguments =
    map: if isV4 then lib.mapAttrsToList (name: value: { inherit name value; }) map else map;

  registration = import ../registration.nix { inherit lib; } node;
  isControlPlane = node.role == "control-plane";
  isOpen = isControlPlane && cluster.cozystack.enable;

  taint =
    text:
    let
      parts = builtins.match "([^=:]+)(=([^:]*))?:(.+)" text;
    in
    present {
      key = builtins.elemAt parts 0;
      value = builtins.elemAt parts 2;
      effect = builtins.elemAt parts 3;
    };
  nodeRegistration =
    present {
      inherit (node) name;
      criSocket = "unix:///run/containerd/containerd.sock";
      kubeletExtraArgs = arguments (present {
        node-ip = ip;
        node-labels =
          if registration.labels == [ ] then null else lib.concatStringsSep "," registration.labels;
      });
    }
    # Where none are said, kubeadm adds its own. Cozystack's own pods have to run on control planes too.
    // lib.optionalAttrs (registration.taints != [ ] || isOpen) {
      taints =
        map taint registration.taints
        ++ lib.optional (isControlPlane && !isOpen) {
          key = "node-role.kubernetes.io/control-plane";
          effect = "NoSchedule";
        };
    };

  localAPIEndpoint = present {
    advertiseAddress = ip;
    bindPort = 6443;
  };

  host = endpoint: builtins.head (builtins.match "[[]?([^]]+)[]]?:[0-9]+" endpoint);

  kubeProxy = builtins.elem "kube-proxy" cluster.disable;
  coredns = builtins.elem "coredns" cluster.disable;
  volumePlugins = "/var/lib/kubelet/volumeplugins";
in
{
  inherit apiVersion;

  InitConfiguration = {
    inherit nodeRegistration localAPIEndpoint;
  }
  // lib.optionalAttrs (!isV4 && (kubeProxy || coredns)) {
    skipPhases = lib.optional kubeProxy "addon/kube-proxy" ++ lib.optional coredns "addon/coredns";
  };

  JoinConfiguration = {
    inherit nodeRegistration;
  }
  // lib.optionalAttrs isControlPlane { controlPlane = { inherit localAPIEndpoint; }; };

  ClusterConfiguration = present {
    # Pinned: kubeadm's own default asks the internet for the newest.
    kubernetesVersion = version;
    clusterName = cluster.name;
    controlPlaneEndpoint = cluster.endpoint;
    networking = {
      podSubnet = cluster.network.podCidr;
      serviceSubnet = cluster.network.serviceCidr;
      dnsDomain = cluster.clusterDomain;
    };
    # Of each control plane kubeadm adds name and address itself; this is the same on all, so that members come and go without it.
    apiServer.certSANs = lib.unique (
      builtins.filter (name: name != null) (
        [
          cluster.ha.vip
          (lib.mapNullable host cluster.endpoint)
          cluster.domain
        ]
        ++ cluster.apiServerAddresses
        ++ [ "127.0.0.1" ]
      )
    );
    # The default is below /usr, which a system of Nix has no use for.
    controllerManager.extraArgs = arguments { flex-volume-plugin-dir = volumePlugins; };
    etcd.local.dataDir = "/var/lib/etcd";
    proxy = if isV4 && kubeProxy then { disabled = true; } else null;
    dns = if isV4 && coredns then { disabled = true; } else null;
  };

  KubeletConfiguration = {
    cgroupDriver = "systemd";
    clusterDNS = [ cluster.network.clusterDns ];
    clusterDomain = cluster.clusterDomain;
    shutdownGracePeriod = "30s";
    shutdownGracePeriodCriticalPods = "10s";
    volumePluginDir = volumePlugins;
  };

  KubeProxyConfiguration = { };
}
