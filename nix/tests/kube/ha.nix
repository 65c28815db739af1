# The address of the API: what holds it, where, and what of it is not in the system.
{ lib, t, ... }:
let
  all = builtins.foldl' (found: next: if found != null then found else next) null;
  ha = distribution: settings: {
    cluster = {
      inherit distribution;
      ha = {
        vip = "10.0.0.5";
      }
      // settings;
    };
  };
  keepalived = ha "k3s" { mode = "keepalived"; };
  haproxy = ha "k3s" { mode = "haproxy"; };
  instance = said: (t.config said).services.keepalived.vrrpInstances.k8s_vip;
in
{
  "the vip is there without high availability of anything else by default" = all [
    (t.equal (t.config { cluster.ha.vip = "10.0.0.5"; }).services.keepalived.enable true)
    (t.equal (t.config { }).services.keepalived.enable false)
  ];
  "c_18: the router id is the cluster's, or the one that is given" = all [
    (t.equal (instance keepalived).virtualRouterId 46)
    (t.equal (instance (ha "k3s" { vrrpId = 51; })).virtualRouterId 51)
  ];
  "c_18: the password is made on the machine of a secret, and is not in the system" = all [
    (t.contains (instance keepalived).extraConfig "auth_pass \${NIX8S_VIP_PASSWORD}")
    (t.equal (t.config keepalived).services.keepalived.secretFile "/run/nix8s/keepalived.env")
    (t.contains (t.config keepalived).systemd.services.nix8s-vip.script "cat /var/lib/nix8s/secrets/token")
    (t.contains (t.config (ha "kubeadm" { mode = "keepalived"; })).systemd.services.nix8s-vip.script
      "cat /etc/kubernetes/pki/sa.key"
    )
  ];
  "c_18: no interface is assumed" = all [
    (t.equal (instance keepalived).interface "\${NIX8S_VIP_INTERFACE}")
    (t.lacks (builtins.toJSON (instance keepalived)) "eth0")
  ];
  "keepalived waits until it knows its peers and a password" =
    let
      config = t.config keepalived;
      known = [
        "/var/lib/nix8s/membership.json"
        "/var/lib/nix8s/secrets/token"
      ];
    in
    all [
      (t.equal config.systemd.services.keepalived.unitConfig.ConditionPathExists "/run/nix8s/keepalived.env")
      (t.contains config.systemd.services.nix8s-vip.script "for file in ${toString known}; do\n  if [ ! -e \"$file\" ]; then exit 0; fi")
      (t.equal config.systemd.paths.nix8s-vip.pathConfig.PathChanged known)
      # Each would start the other, for ever.
      (t.equal config.systemd.services.keepalived.requires [ ])
    ];
  "peers and priority come from the membership" = all [
    (t.contains (instance keepalived).extraConfig "include /run/nix8s/membership/keepalived.conf")
    (t.equal (instance keepalived).unicastPeers [ ])
    (t.equal (t.config keepalived).nix8s.membership.files."keepalived.conf".reload "keepalived.service")
  ];
  "the vip goes where an API answers, and stays" = all [
    (t.equal (instance keepalived).trackScripts [ "nix8s_api" ])
    (t.equal (instance keepalived).noPreempt true)
    (t.equal (instance keepalived).state "BACKUP")
    (t.equal (map (ip: ip.addr) (instance keepalived).virtualIps) [ "10.0.0.5/32" ])
  ];
  "VRRP for IPv6 has no password" =
    let
      v6 = instance (ha "k3s" { vip = "fd00::5"; });
    in
    all [
      (t.lacks v6.extraConfig "auth_pass")
      (t.equal (map (ip: ip.addr) v6.virtualIps) [ "fd00::5/128" ])
    ];
  "the firewall lets VRRP in, whatever it is made with" = all [
    (t.contains (t.config keepalived).networking.firewall.extraCommands "-p vrrp")
    (
      let
        nft = t.config (keepalived // { member.nixos.networking.nftables.enable = true; });
      in
      all [
        (t.contains nft.networking.firewall.extraInputRules "meta l4proto 112 accept")
        (t.lacks nft.networking.firewall.extraCommands "vrrp")
      ]
    )
  ];
  "workers hold no address" =
    let
      worker = t.config (
        keepalived
        // {
          member.role = "worker";
          members.cp = {
            role = "control-plane";
            ip = "10.0.0.12";
            install.disk = "/dev/disk/by-id/nvme-system";
          };
        }
      );
    in
    t.equal worker.services.keepalived.enable false;

  "d_14: HAProxy listens beside the API server" = all [
    (t.contains (t.config haproxy).nix8s.membership.files."haproxy.cfg".jq "bind :::8443 v4v6")
    (t.equal (builtins.elem 8443 (t.config haproxy).networking.firewall.allowedTCPPorts) true)
    (t.equal (t.config haproxy).services.keepalived.enable true)
  ];
  "d_14: HAProxy at a port of Kubernetes is refused" = all (
    map
      (
        port:
        t.refuses (ha "k3s" {
          mode = "haproxy";
          inherit port;
        }) "clusters.c.ha.port: ${toString port} is a port of Kubernetes"
      )
      [
        6443
        6444
        10250
        2379
      ]
  );
  "HAProxy's servers come from the membership" =
    let
      service = (t.config haproxy).systemd.services.haproxy;
    in
    all [
      (t.contains service.serviceConfig.ExecStart "-f /etc/haproxy.cfg -f /run/nix8s/membership/haproxy.cfg")
      (t.lacks (t.config haproxy).services.haproxy.config "10.0.0.")
    ];
  "another port is refused where nothing stands before the API" = all (
    map
      (
        mode:
        t.refuses (ha "k3s" {
          inherit mode;
          port = 7443;
        }) "clusters.c.ha.port: with `mode: ${mode}`"
      )
      [
        "keepalived"
        "kube-vip"
      ]
  );
  "a mode without a vip is refused" = t.refuses {
    cluster.ha.mode = "keepalived";
  } "clusters.c.ha.vip: keepalived needs an address";

  "kube-vip on k3s is the same on every server, with rights of its own" =
    let
      objects = (t.config (ha "k3s" { mode = "kube-vip"; })).services.k3s.manifests.kube-vip.content;
      kinds = map (object: object.kind) objects;
      pod = (lib.findFirst (object: object.kind == "DaemonSet") null objects).spec.template.spec;
      environment = lib.listToAttrs (
        map (
          variable: lib.nameValuePair variable.name variable.value or null
        ) (builtins.head pod.containers).env
      );
    in
    all [
      (t.equal kinds [
        "ServiceAccount"
        "Role"
        "RoleBinding"
        "ClusterRole"
        "ClusterRoleBinding"
        "DaemonSet"
      ])
      (t.equal environment.address "10.0.0.5")
      (t.equal (environment ? vip_interface) false)
      (t.equal (builtins.head pod.containers).image "ghcr.io/kube-vip/kube-vip:v1.1.2")
      (t.lacks (builtins.toJSON objects) "c-m")
    ];
  "kube-vip on kubeadm logs in as super-admin only where there is one" =
    let
      service = (t.config (ha "kubeadm" { })).systemd.services.nix8s-kube-vip;
    in
    all [
      (t.contains service.script "if [ -e /etc/kubernetes/super-admin.conf ]; then kubeconfig=/etc/kubernetes/super-admin.conf; fi")
      (t.contains service.script "if [ ! -e /etc/kubernetes/scheduler.conf ]; then exit 0; fi")
      (t.equal (t.config (ha "kubeadm" { })).services.keepalived.enable false)
    ];
  "an address that is held elsewhere starts nothing" =
    let
      external = t.config (
        ha "k3s" {
          mode = "external";
          port = 443;
        }
      );
    in
    all [
      (t.equal external.services.keepalived.enable false)
      (t.equal external.services.haproxy.enable false)
      (t.equal (builtins.filter (a: !a.assertion) external.assertions) [ ])
    ];
}
