# The files that `kubeadm init` and `kubeadm join` read: normal files, because kubeadm's folder is full of what it writes itself.
{
  lib,
  config,
  pkgs,
  cluster,
  node,
  ...
}:
let
  path = "clusters.${cluster.name}";
  inherit (config.nix8s.kubeadm) documents package;
  # As the document has it, where it says exactly; a patch release of the package is otherwise what there is.
  version = if cluster.version == cluster.minor then "v${package.version}" else cluster.version;
  own = import ./documents.nix { inherit lib; } {
    inherit cluster node version;
    inherit (config.nix8s.node) ip;
  };
  kinds = {
    InitConfiguration = own.apiVersion;
    ClusterConfiguration = own.apiVersion;
    JoinConfiguration = own.apiVersion;
    KubeletConfiguration = "kubelet.config.k8s.io/v1beta1";
    KubeProxyConfiguration = "kubeproxy.config.k8s.io/v1alpha1";
  };
  # Each value by itself, so that another module, or the document, can say otherwise.
  defaults =
    value:
    if builtins.isAttrs value && value != { } then
      lib.mapAttrs (_: defaults) value
    else
      lib.mkDefault value;

  # What stands under `config` outside of a kind is of the cluster's.
  keys = [
    "apiServer"
    "caCertificateValidityPeriod"
    "certificateValidityPeriod"
    "certificatesDir"
    "clusterName"
    "controlPlaneEndpoint"
    "controllerManager"
    "dns"
    "encryptionAlgorithm"
    "etcd"
    "featureGates"
    "imageRepository"
    "kubernetesVersion"
    "networking"
    "proxy"
    "scheduler"
  ];
  said = removeAttrs cluster.config (builtins.attrNames kinds);
  unknown = builtins.filter (key: !(builtins.elem key keys)) (builtins.attrNames said);
  components = [
    "coredns"
    "kube-proxy"
  ];
  others = lib.subtractLists components cluster.disable;
  inherit (cluster.network) serviceCidr;
  # Of IPv6 nix8s does not reckon; kubeadm does.
  tenth =
    if lib.hasInfix ":" serviceCidr then
      cluster.network.clusterDns
    else
      (import ../../lib/addresses.nix { inherit lib; }).at "${path}.network.serviceCidr" 10 serviceCidr;

  document =
    kind:
    builtins.toJSON (
      {
        inherit kind;
        apiVersion = kinds.${kind};
      }
      // lib.filterAttrs (_: value: value != null) documents.${kind}
    );
  # JSON is YAML.
  init = lib.concatMapStringsSep "\n---\n" document (
    [
      "InitConfiguration"
      "ClusterConfiguration"
      "KubeletConfiguration"
    ]
    ++ lib.optional (documents.KubeProxyConfiguration != { }) "KubeProxyConfiguration"
  );
  isControlPlane = node.role == "control-plane";
in
{
  options.nix8s.kubeadm = {
    documents = lib.genAttrs (builtins.attrNames kinds) (
      kind:
      lib.mkOption {
        internal = true;
        type = lib.types.attrsOf (pkgs.formats.json { }).type;
        default = { };
        description = "kubeadm's ${kind}.";
      }
    );
    files = lib.mkOption {
      internal = true;
      readOnly = true;
      type = lib.types.attrsOf lib.types.str;
      description = "Texts of the files in /etc/kubernetes, and what of them is the kubelet's.";
    };
  };

  config = {
    nix8s.kubeadm.documents = lib.mkMerge [
      (lib.mapAttrs (kind: _: defaults own.${kind}) kinds)
      (lib.intersectAttrs kinds cluster.config)
      { ClusterConfiguration = lib.getAttrs (lib.subtractLists unknown (builtins.attrNames said)) said; }
    ];

    nix8s.kubeadm.files = {
      "kubeadm-join.json" = document "JoinConfiguration";
      "kubelet.json" = document "KubeletConfiguration";
    }
    // lib.optionalAttrs isControlPlane { "kubeadm.yaml" = init; };

    systemd.services.nix8s-kubeadm = {
      description = "What kubeadm reads when it begins a cluster or joins one";
      wantedBy = [ "multi-user.target" ];
      before = [ "kubelet.service" ];
      serviceConfig.Type = "oneshot";
      script = ''
        mkdir -p /etc/kubernetes
      ''
      + lib.concatStrings (
        lib.mapAttrsToList (name: text: ''
          install -m 0644 ${pkgs.writeText name text} /etc/kubernetes/.${name}
          mv /etc/kubernetes/.${name} /etc/kubernetes/${name}
        '') (removeAttrs config.nix8s.kubeadm.files [ "kubelet.json" ])
      )
      # kubeadm refuses a folder for etcd that is not empty, and a new file system is not.
      + lib.optionalString isControlPlane ''
        if [ -d /var/lib/etcd ]; then
          chmod 0700 /var/lib/etcd
          rmdir --ignore-fail-on-non-empty /var/lib/etcd/lost+found 2>/dev/null || true
        fi
      '';
    };

    assertions =
      map (key: {
        assertion = false;
        message = "${path}.kubeadm.config.${key}: this is neither a kind (${lib.concatStringsSep ", " (builtins.attrNames kinds)}) nor a key of ClusterConfiguration. Write it under its kind.";
      }) unknown
      ++ [
        {
          assertion = others == [ ];
          message = "${path}.kubeadm.disable: ${lib.concatStringsSep ", " others}: kubeadm brings ${lib.concatStringsSep " and " components}, and nothing else that can be left out.";
        }
        {
          assertion = cluster.network.clusterDns == tenth;
          message = "${path}.network.clusterDns: kubeadm gives DNS the tenth address of serviceCidr, ${tenth}, and no other. Remove it.";
        }
      ];
  };
}
