# k3s: the unit, its flags, its package, and what is refused.
{ t, ... }:
let
  unit = said: (t.config said).systemd.units."k3s.service".text;
  inherit (t) worker;
  agent = said: (t.config (worker said)).systemd.units."k3s.service".text;
  all = builtins.foldl' (found: next: if found != null then found else next) null;
in
{
  "a server waits until it is said whether it begins or joins" = all [
    (t.contains (unit { }) "ConditionPathExists=/var/lib/nix8s/k3s.yaml")
    (t.contains (unit { }) "--config /var/lib/nix8s/k3s.yaml")
    (t.lacks (unit { }) "--cluster-init")
    (t.lacks (unit { }) "--server ")
    (t.equal (t.config { }).systemd.paths.nix8s-turn.pathConfig {
      PathChanged = "/var/lib/nix8s/k3s.yaml";
    })
    (t.contains (t.config { }).systemd.services.nix8s-turn.script
      "systemctl --no-block start k3s.service"
    )
  ];

  "x_06: tokens are read from files that nix8s puts on the machine" = all [
    (t.contains (unit { }) "--token-file /var/lib/nix8s/secrets/token")
    (t.contains (unit { }) "--agent-token-file=/var/lib/nix8s/secrets/agent-token")
    (t.equal (t.config { }).services.k3s.token "")
  ];
  "x_06: secrets of the document are in no unit, script or file" =
    let
      said.cluster = {
        ha = {
          vip = "10.0.0.5";
          mode = "haproxy";
        };
        secrets = {
          token = "known-server-token";
          agentToken = "known-agent-token";
        };
        etcd.snapshot.s3 = {
          bucket = "etcd";
          accessKey = "known-access-key";
          secretKey = "known-secret-key";
        };
      };
      config = t.config said;
      texts = attribute: set: map (one: one.${attribute}) (builtins.attrValues set);
    in
    t.lacks (builtins.toJSON [
      (texts "text" config.systemd.units)
      (texts "script" config.systemd.services)
      (texts "text" config.environment.etc)
      config.system.activationScripts.script
      (texts "jq" config.nix8s.membership.files)
      config.services.keepalived.vrrpInstances
      config.services.haproxy.config
    ]) "known-";
  "x_06: a token among the flags is refused" = all [
    (t.refuses { cluster.k3s.config.token = "abc"; } "clusters.c.k3s.config.token: ")
    (t.refuses {
      cluster.k3s.extraArgs.worker = [ "--token=abc" ];
    } "clusters.c.k3s.extraArgs: --token: ")
  ];
  "x_20: workers have the agents' token and no other" = all [
    (t.contains (agent { }) "--token-file /var/lib/nix8s/secrets/agent-token")
    (t.lacks (agent { }) "secrets/token")
    (t.contains (agent { }) "/bin/k3s agent")
  ];

  "the certificate is valid for the vip, the domain and what the document names" =
    let
      text = unit {
        cluster = {
          domain = "k.example.com";
          ha.vip = "10.0.0.5";
          k3s.apiServerAddresses = [ "api.example.com" ];
        };
      };
    in
    all (
      map (name: t.contains text "--tls-san=${name}") [
        "10.0.0.5"
        "k.example.com"
        "api.example.com"
      ]
    );

  "networks, names and the disable list are the cluster's" =
    let
      text = unit {
        cluster = {
          clusterDomain = "k.local";
          network = {
            podCidr = "10.1.0.0/16";
            serviceCidr = "10.2.0.0/16";
          };
          k3s.disable = [
            "traefik"
            "servicelb"
          ];
        };
      };
    in
    all (
      map (t.contains text) [
        "--cluster-cidr=10.1.0.0/16"
        "--service-cidr=10.2.0.0/16"
        "--cluster-dns=10.2.0.10"
        "--cluster-domain=k.local"
        "--disable=servicelb \\\n --disable=traefik"
        "--node-ip=10.0.0.11"
        "--node-name=c-m"
      ]
    );
  "a worker has no flags that only servers know" = all (
    map
      (t.lacks (agent {
        cluster.k3s.config.write-kubeconfig-mode = "0600";
      }))
      [
        "--cluster-cidr"
        "--tls-san"
        "--disable"
        "--write-kubeconfig-mode"
        "--etcd"
      ]
  );
  "x_18: settings in k3s's own form hold before ours, and flags come last" = all [
    (t.contains (unit {
      cluster.k3s.config.cluster-cidr = "10.9.0.0/16";
    }) "--cluster-cidr=10.9.0.0/16")
    (t.lacks (unit { cluster.k3s.config.cluster-cidr = "10.9.0.0/16"; }) "10.42.0.0/16")
    (t.contains (unit { cluster.k3s.extraArgs.server = [ "--v=4" ]; }) "--v=4")
  ];
  "what nix8s depends on cannot be set" = all (
    map (key: t.refuses { cluster.k3s.config.${key} = "x"; } "clusters.c.k3s.config.${key}: ") [
      "data-dir"
      "server"
      "cluster-init"
      "node-name"
    ]
  );

  "c_16: a flag with blanks, dollars or percent signs is one argument" = t.contains (unit {
    cluster.k3s.extraArgs.control-plane = [ "--kubelet-arg=x=a b%n$HOME" ];
  }) ''"--kubelet-arg=x=a b%%n$$HOME"'';

  "labels and taints are for registration, and no flags" =
    let
      said.member.kubernetes = {
        labels = {
          "example.com/pool" = "general";
          "node-role.kubernetes.io/worker" = "";
          "topology.kubernetes.io/zone" = "a";
        };
        taints = [ "x=y:NoSchedule" ];
      };
    in
    all [
      (t.equal (builtins.fromJSON (t.config said).environment.etc."nix8s/k3s-registration.yaml".text) {
        node-label = [
          "example.com/pool=general"
          "topology.kubernetes.io/zone=a"
        ];
        node-taint = [ "x=y:NoSchedule" ];
      })
      (t.equal (unit said) (unit { }))
    ];

  "x_23: swap is there as the layout has it" = t.equal (
    (t.config { member.install.swapSize = "4G"; }).swapDevices != [ ]
  ) true;

  "snapshots are made as often as the document says" =
    let
      every = interval: unit { cluster.etcd.snapshot = { inherit interval; }; };
    in
    all [
      (t.contains (every "6h") ''"--etcd-snapshot-schedule-cron=0 */6 * * *"'')
      (t.contains (every "30m") ''"--etcd-snapshot-schedule-cron=*/30 * * * *"'')
      (t.contains (every "24h") ''"--etcd-snapshot-schedule-cron=0 0 * * *"'')
      (t.refuses { cluster.etcd.snapshot.interval = "5h"; } "clusters.c.etcd.snapshot.interval: ")
    ];
  "keys of a bucket are not in the system" =
    let
      said.cluster.etcd.snapshot.s3 = {
        endpoint = "s3.example.com";
        bucket = "etcd";
        accessKey = "the-access-key";
        secretKey = "the-secret-key";
      };
    in
    all [
      (t.contains (unit said) "--etcd-s3-bucket=etcd")
      (t.contains (unit said) "EnvironmentFile=-/var/lib/nix8s/secrets/etcd-s3.env")
      (t.lacks (unit said) "the-")
      (t.warns said "clusters.c.etcd.snapshot.s3: accessKey and secretKey")
    ];

  "x_18: pods' packets take the interface that has the machine's address" = all [
    (t.contains (unit { member.network.interface = "eno1"; }) "--flannel-iface=eno1")
    (t.contains (unit {
      member.network = {
        interface = "eno1";
        bonds.bond0.interfaces = [
          "eno1"
          "eno2"
        ];
      };
    }) "--flannel-iface=bond0")
    (t.lacks (unit { }) "--flannel-iface")
  ];

  "encryption between machines is the network's" =
    let
      said.cluster.network.mesh = "wireguard";
    in
    all [
      (t.contains (unit said) "--flannel-backend=wireguard-native")
      (t.equal (t.config said).networking.firewall.allowedUDPPorts [
        51820
        51821
      ])
    ];

  "k0s is refused with a sentence" = t.refuses {
    cluster.distribution = "k0s";
  } "clusters.c.distribution: this version of nix8s makes no systems with k0s";
}
