# kubeadm: the files that it reads, runtime and kubelet, and what is refused.
{ lib, t, ... }:
let
  with' =
    said:
    said
    // {
      cluster = {
        distribution = "kubeadm";
      }
      // said.cluster or { };
    };
  config = said: t.config (with' said);
  all = builtins.foldl' (found: next: if found != null then found else next) null;
  documents =
    said:
    lib.listToAttrs (
      map (text: rec {
        value = builtins.fromJSON text;
        name = value.kind;
      }) (lib.splitString "\n---\n" (config said).nix8s.kubeadm.files."kubeadm.yaml")
    );
  join = said: builtins.fromJSON (config said).nix8s.kubeadm.files."kubeadm-join.json";
  inherit (t) worker;
  refuses = said: t.refuses (with' said);
in
{
  "d_12: the version is pinned, as the document or the package has it" = all [
    (t.equal (documents { }).ClusterConfiguration.kubernetesVersion "v1.32.3")
    (t.equal (documents { cluster.version = "v1.32.1"; }).ClusterConfiguration.kubernetesVersion
      "v1.32.1"
    )
    (t.warns (with' { cluster.version = "v1.32.1"; }) "clusters.c.version: v1.32.1 is asked for")
  ];
  "d_12: the certificate is valid for the API's address without high availability too" = all [
    (t.equal (documents { }).ClusterConfiguration.apiServer.certSANs [
      "10.0.0.11"
      "127.0.0.1"
    ])
    (t.equal
      (documents {
        cluster = {
          ha.vip = "10.0.0.5";
          domain = "k.example.com";
          kubeadm.apiServerAddresses = [ "api.example.com" ];
        };
      }).ClusterConfiguration.apiServer.certSANs
      [
        "10.0.0.5"
        "k.example.com"
        "api.example.com"
        "127.0.0.1"
      ]
    )
  ];
  "d_12: arguments have the shape of their version of the API" =
    let
      of = version: (documents { cluster.version = version; });
    in
    all [
      (t.equal (of "1.32").ClusterConfiguration.apiVersion "kubeadm.k8s.io/v1beta4")
      (t.equal (of "1.32").ClusterConfiguration.controllerManager.extraArgs [
        {
          name = "flex-volume-plugin-dir";
          value = "/var/lib/kubelet/volumeplugins";
        }
      ])
      (t.equal (of "1.30").InitConfiguration.apiVersion "kubeadm.k8s.io/v1beta3")
      (t.equal (of "1.30").InitConfiguration.nodeRegistration.kubeletExtraArgs { node-ip = "10.0.0.11"; })
    ];

  "the endpoint is where machines join" = all [
    (t.equal (documents { }).ClusterConfiguration.controlPlaneEndpoint "10.0.0.11:6443")
    (t.equal
      (documents {
        cluster.ha = {
          vip = "10.0.0.5";
          mode = "haproxy";
        };
      }).ClusterConfiguration.controlPlaneEndpoint
      "10.0.0.5:8443"
    )
  ];
  "a control plane joins as one, and a worker does not" = all [
    (t.equal (join { }).controlPlane.localAPIEndpoint {
      advertiseAddress = "10.0.0.11";
      bindPort = 6443;
    })
    (t.equal (join (worker { }) ? controlPlane) false)
    (t.equal (join (worker { })).nodeRegistration.name "c-m")
    (t.equal (builtins.attrNames (config (worker { })).nix8s.kubeadm.files) [
      "kubeadm-join.json"
      "kubelet.json"
    ])
  ];
  "registration has labels that a kubelet may set, and taints beside kubeadm's own" =
    let
      registration =
        (documents {
          member.kubernetes = {
            labels = {
              "example.com/pool" = "general";
              "node-role.kubernetes.io/control-plane" = "true";
            };
            taints = [ "x=y:NoExecute" ];
          };
        }).InitConfiguration.nodeRegistration;
    in
    all [
      (t.equal registration.kubeletExtraArgs [
        {
          name = "node-ip";
          value = "10.0.0.11";
        }
        {
          name = "node-labels";
          value = "example.com/pool=general";
        }
      ])
      (t.equal registration.taints [
        {
          effect = "NoExecute";
          key = "x";
          value = "y";
        }
        {
          effect = "NoSchedule";
          key = "node-role.kubernetes.io/control-plane";
        }
      ])
      (t.equal ((documents { }).InitConfiguration.nodeRegistration ? taints) false)
    ];
  "x_18: settings in kubeadm's own form go to their documents" =
    let
      of = documents {
        cluster.kubeadm = {
          disable = [ "kube-proxy" ];
          config = {
            imageRepository = "registry.example.com";
            KubeletConfiguration.maxPods = 200;
            KubeProxyConfiguration.mode = "nftables";
          };
        };
      };
    in
    all [
      (t.equal of.ClusterConfiguration.imageRepository "registry.example.com")
      (t.equal of.ClusterConfiguration.proxy { disabled = true; })
      (t.equal of.KubeletConfiguration.maxPods 200)
      (t.equal of.KubeletConfiguration.cgroupDriver "systemd")
      (t.equal of.KubeProxyConfiguration.mode "nftables")
    ];
  "x_18: what kubeadm does not know is refused" = all [
    (refuses { cluster.kubeadm.config.maxPods = 5; } "clusters.c.kubeadm.config.maxPods: ")
    (refuses { cluster.kubeadm.disable = [ "traefik" ]; } "clusters.c.kubeadm.disable: traefik: ")
    (refuses { cluster.network.clusterDns = "10.43.0.53"; } "clusters.c.network.clusterDns: ")
    (refuses { cluster.network.mesh = "wireguard"; } "clusters.c.network.mesh: ")
    (refuses { cluster.secrets.encryptionAtRest = true; } "clusters.c.secrets.encryptionAtRest: ")
    (refuses { cluster.etcd.snapshot.s3.bucket = "x"; } "clusters.c.etcd.snapshot.s3: ")
  ];
  "another minor release than nixpkgs' is refused with the one that it has" = refuses {
    cluster.version = "1.34";
  } "clusters.c.version: there is no package of kubeadm 1.34 in this nixpkgs. There are: 1.32.";

  "x_23: swap is refused, unless the kubelet bears it" = all [
    (refuses { member.install.swapSize = "4G"; } "clusters.c.members.m.install.swapSize: ")
    (t.equal (t.refusals (with' {
      member.install.swapSize = "4G";
      cluster.kubeadm.config.KubeletConfiguration.failSwapOn = false;
    })) [ ])
  ];

  "the runtime has systemd's cgroups and folders that DaemonSets write to" =
    let
      cri = (config { }).virtualisation.containerd.settings.plugins."io.containerd.grpc.v1.cri";
    in
    all [
      (t.equal cri.containerd.runtimes.runc.options.SystemdCgroup true)
      (t.equal cri.cni {
        bin_dir = "/opt/cni/bin";
        conf_dir = "/etc/cni/net.d";
      })
      (t.equal cri.sandbox_image "registry.k8s.io/pause:3.10")
    ];
  "the kubelet waits for kubeadm, and no switch restarts it" =
    let
      kubelet =
        (config { cluster.kubeadm.extraArgs.control-plane = [ "--v=2" ]; }).systemd.services.kubelet;
    in
    all [
      (t.equal kubelet.unitConfig.ConditionPathExists "/var/lib/kubelet/config.yaml")
      (t.equal kubelet.restartIfChanged false)
      (t.contains kubelet.serviceConfig.ExecStart "/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS ")
      (t.contains kubelet.serviceConfig.ExecStart " --v=2")
    ];
  "settings of the kubelet count after it has joined" =
    let
      of = maxPods: config { cluster.kubeadm.config.KubeletConfiguration = { inherit maxPods; }; };
      command = maxPods: (of maxPods).systemd.services.kubelet.serviceConfig.ExecStart;
    in
    all [
      (t.contains (command 200) " --config-dir=/nix/store/")
      (t.equal (command 200 == command 210) false)
      (t.equal (builtins.fromJSON (of 200).nix8s.kubeadm.files."kubelet.json").maxPods 200)
      (t.lacks (of 200).systemd.services.nix8s-kubeadm.script "kubelet.json")
      (t.lacks
        (config {
          cluster = {
            version = "1.29";
            kubeadm.package = {
              type = "derivation";
              outPath = "/nix/store/00000000000000000000000000000000-kubernetes";
              version = "1.29.4";
              name = "kubernetes";
            };
          };
        }).systemd.services.kubelet.serviceConfig.ExecStart
        "--config-dir"
      )
    ];
  "a new kubelet is started once the API server is not older" =
    let
      script = said: (config said).systemd.services.nix8s-kubelet.script;
    in
    all [
      (t.contains (script { }) ''"$api" -lt 32'')
      (t.contains (script { }) "systemctl --no-block restart kubelet.service")
      # Something about it has to be another one.
      (t.equal (script { } == script { cluster.kubeadm.extraArgs.control-plane = [ "--v=2" ]; }) false)
    ];
  "its files are written as files, and are no links into the store" = all [
    (t.equal (builtins.filter (lib.hasPrefix "kubernetes/") (
      builtins.attrNames (config { }).environment.etc
    )) [ ])
    (t.contains (config { }).systemd.services.nix8s-kubeadm.script
      "mv /etc/kubernetes/.kubeadm.yaml /etc/kubernetes/kubeadm.yaml"
    )
  ];
  "snapshots of etcd are made by a timer" = all [
    (t.equal
      (config { cluster.etcd.snapshot.interval = "1h30m"; })
      .systemd.timers.nix8s-etcd-snapshot.timerConfig.OnUnitActiveSec
      5400
    )
    (t.equal ((config { }).systemd.timers ? nix8s-etcd-snapshot) false)
  ];
}
