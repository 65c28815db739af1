# What a machine of a cluster has whatever its distribution: hosts, firewall, platforms, and what is left when it leaves.
{
  lib,
  t,
  nixpkgs,
  ...
}:
let
  all = builtins.foldl' (found: next: if found != null then found else next) null;
  ports = said: (t.config said).networking.firewall.allowedTCPPorts;
  cp = {
    role = "control-plane";
    ip = "10.0.0.12";
    install.disk = "/dev/disk/by-id/nvme-system";
    stateVersion = "24.11";
  };
  worker = {
    member.role = "worker";
    members = { inherit cp; };
  };
  cozystack = distribution: {
    cluster = {
      inherit distribution;
      clusterDomain = "cozy.local";
      cozystack.enable = true;
    };
  };
  minimal =
    (nixpkgs.lib.nixosSystem {
      modules = [
        ../../nixos/minimal.nix
        {
          nixpkgs.hostPlatform = "x86_64-linux";
          system.stateVersion = "24.11";
        }
      ];
    }).config.systemd.services.nix8s-clean;
in
{
  "distributions have rows with the same attributes, and ports for each role" =
    let
      rows = builtins.attrValues (import ../../distributions);
    in
    all (
      map (row: t.equal (builtins.attrNames row) (builtins.attrNames (builtins.head rows))) rows
      ++ map (
        row:
        t.equal (builtins.attrNames row.ports) [
          "control-plane"
          "worker"
        ]
      ) rows
    );
  "a control plane has its ports open, and a worker its kubelet's" = all [
    (t.equal (ports { }) [
      22
      2379
      2380
      6443
      10250
    ])
    (t.equal (ports worker) [
      22
      10250
    ])
    (t.equal (ports (worker // { cluster.distribution = "kubeadm"; })) [
      22
      10250
    ])
  ];
  "no NodePorts are opened, for they need none" =
    t.equal (t.config { }).networking.firewall.allowedTCPPortRanges
      [ ];
  "a machine outside of Kubernetes has nothing of it" =
    let
      config = t.config {
        member.role = "none";
        members = { inherit cp; };
      };
    in
    all [
      (t.equal config.networking.firewall.allowedTCPPorts [ 22 ])
      (t.equal config.services.k3s.enable false)
      (t.equal config.nix8s.kubernetes.version null)
      (t.equal (config.networking.firewall.trustedInterfaces) [ "lo" ])
    ];
  "pods may come in by their own interfaces, and packets by another way than they went" = all [
    (t.equal (builtins.elem "cni0" (t.config { }).networking.firewall.trustedInterfaces) true)
    (t.equal (t.config { }).networking.firewall.checkReversePath "loose")
    (t.equal (builtins.elem "lxc+"
      (t.config { cluster.distribution = "kubeadm"; }).networking.firewall.trustedInterfaces
    ) true)
    (t.equal (builtins.elem "lxc+"
      (t.config {
        cluster.distribution = "kubeadm";
        member.nixos.networking.nftables.enable = true;
      }).networking.firewall.trustedInterfaces
    ) false)
  ];

  "hosts are made of the membership, with the domain" =
    let
      config = t.config { cluster.domain = "k.example.com"; };
    in
    all [
      (t.equal config.environment.etc.hosts.source "/run/nix8s/membership/hosts")
      (t.contains config.nix8s.membership.files.hosts.jq ''\(.name).k.example.com \(.name)'')
      (t.equal config.nix8s.membership.files.hosts.append config.networking.hostFiles)
    ];
  "what is made of the membership is there early, and without it too" =
    let
      service = (t.config { }).systemd.services.nix8s-membership;
    in
    all [
      (t.equal service.wantedBy [ "sysinit.target" ])
      (t.contains service.script "nobody.json")
      (t.equal (t.config { }).systemd.paths.nix8s-membership.pathConfig.PathChanged
        "/var/lib/nix8s/membership.json"
      )
    ];

  "Cozystack's k3s has no network and no addons of its own" =
    let
      text = (t.config (cozystack "k3s")).systemd.units."k3s.service".text;
    in
    all (
      map (t.contains text) [
        "--flannel-backend=none"
        "--disable-network-policy"
        "--disable-kube-proxy"
        "--disable=traefik"
        "--disable=local-storage"
        "--cluster-domain=cozy.local"
        "--kubelet-arg=max-pods=220"
        "--kube-scheduler-arg=bind-address=0.0.0.0"
      ]
    );
  "Cozystack's kubeadm has no kube-proxy, and control planes without taints" =
    let
      config = t.config (cozystack "kubeadm");
      inherit (config.nix8s.kubeadm) documents;
    in
    all [
      (t.equal documents.ClusterConfiguration.proxy.disabled true)
      (t.equal documents.InitConfiguration.nodeRegistration.taints [ ])
      (t.equal documents.KubeletConfiguration.maxPods 220)
      (t.equal (map (argument: argument.name) documents.ClusterConfiguration.controllerManager.extraArgs)
        [
          "bind-address"
          "flex-volume-plugin-dir"
        ]
      )
      (t.warns (cozystack "kubeadm") "clusters.c.members.m.kubernetes.labels: ")
    ];
  "Cozystack's hosts have its modules, its services and DRBD 9" =
    let
      config = t.config (cozystack "k3s");
    in
    all [
      (t.equal (lib.subtractLists config.boot.kernelModules [
        "openvswitch"
        "geneve"
        "drbd"
      ]) [ ])
      (t.equal config.services.openiscsi.enable true)
      (t.equal config.boot.kernel.sysctl."fs.inotify.max_user_instances" 8192)
      (t.contains config.environment.etc."lvm/lvm.conf".text ''"r|^/dev/drbd.*|"'')
      (t.contains config.environment.etc."lvm/lvm.conf".text ''"r|^/dev/dm-.*|"'')
      (t.equal (builtins.filter (a: !a.assertion) config.assertions) [ ])
    ];
  "Cozystack: the machine's own volume groups are seen where disks are encrypted" =
    let
      said = lib.recursiveUpdate (cozystack "k3s") {
        member.install = {
          profile = "lvm";
          encryption = {
            enable = true;
            keyFile = "./keys/disk";
          };
        };
      };
      text = (t.config said).environment.etc."lvm/lvm.conf".text;
    in
    all [
      (t.contains text ''[ "a|^/dev/mapper/nix8s-pv$|", "r|^/dev/mapper/.*|", "r|^/dev/drbd'')
      (t.contains text ''"r|^/dev/dm-.*|" ]'')
    ];
  "X-26: MetalLB's speakers reach each other, and BGP has somebody to speak to" =
    let
      metallb = more: {
        cluster.metallb = {
          enable = true;
          addresses = [ "10.0.0.100-10.0.0.120" ];
        }
        // more;
      };
    in
    all [
      (t.holds "7946" (builtins.elem 7946 (t.config (metallb { })).networking.firewall.allowedUDPPorts))
      (t.refuses (metallb { mode = "bgp"; }) "clusters.c.metallb.peers: ")
    ];
  "x_08: Cozystack needs nobody to name the first server" = t.evaluates (cozystack "k3s");
  "Cozystack's networks must be the cluster's" = all [
    (t.refuses (lib.recursiveUpdate (cozystack "k3s") {
      cluster.cozystack.network.podCidr = "10.9.0.0/16";
    }) "clusters.c.cozystack.network.podCidr: 10.9.0.0/16 is not the cluster's own")
    (t.refuses (lib.recursiveUpdate (cozystack "k3s") {
      cluster.cozystack.network.serviceCidr = "10.9.0.0/16";
    }) "clusters.c.cozystack.network.serviceCidr: ")
    (t.warns {
      cluster.cozystack.enable = true;
    } "clusters.c.clusterDomain: Cozystack takes cozy.local")
  ];

  "x_18: a certificate authority that would not be used is refused" = t.refuses {
    cluster.pki.external = true;
  } "clusters.c.pki: ";

  "x_30: a cluster of workers alone evaluates" = all [
    (t.evaluates { member.role = "worker"; })
    (t.evaluates {
      member.role = "worker";
      cluster.distribution = "kubeadm";
    })
  ];

  "a machine that has left has nothing of any distribution" = all [
    (t.contains minimal.environment.UNITS "k3s.service")
    (t.contains minimal.environment.UNITS "kubelet.service")
    (t.contains minimal.environment.UNITS "k0sworker.service")
    (t.contains minimal.environment.FOLDERS "/var/lib/rancher/k3s")
    (t.contains minimal.environment.FOLDERS "/var/lib/etcd")
    (t.contains minimal.environment.INTERFACES "cni0")
    (t.lacks minimal.environment.FILES "identity.json")
  ];
}
