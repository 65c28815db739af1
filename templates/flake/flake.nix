# One declaration of machines and clusters. `nix8s validate` says what is wrong with it, `nix8s plan` what would be
# done. Everything here may be changed later: nix8s compares it with what there is, and carries out the difference.
#
#   nix8s apply --simulate      carries it out on simulated machines: try it before you touch a real one
#
# The keys are those of `nix8s.yaml`; `nix8s explain clusters.members` and the like say what each means.
{
  description = "Clusters";

  inputs = {
    # The release of NixOS that the machines run.
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    flake-parts.url = "github:hercules-ci/flake-parts";
    flake-parts.inputs.nixpkgs-lib.follows = "nixpkgs";
    nix8s.url = "github:nix8s/nix8s";
    nix8s.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs = inputs: inputs.flake-parts.lib.mkFlake { inherit inputs; } {
    # Brings the options below, and makes of them the output `nix8s`, which the program reads, and a NixOS
    # configuration for each machine: nixosConfigurations.home-server1 and so on.
    imports = [ inputs.nix8s.flakeModules.default ];

    systems = [ "x86_64-linux" "aarch64-linux" ];

    # ── nodes: templates, which say what hardware and operating system a kind of machine has ──────────────────────
    nix8s.nodes = {
      # What all machines have in common. Other templates take it over with `extends`; maps are merged key by key.
      base = {
        network = {
          interface = "eno1";
          # The machines get their addresses from below, not from a DHCP server.
          dhcp = false;
          prefixLength = 24;
          gateway = "192.168.1.1";
          nameservers = [ "192.168.1.1" ];
        };
        install = {
          # The whole disk is used, and whatever is on it is erased when the machine is installed. Installing asks
          # first. Prefer the names below /dev/disk/by-id: those of the kernel may change from one boot to the next.
          disk = "/dev/disk/by-id/nvme-system";
          # simple, lvm, zfs, raid, etcd-optimized, thin; or lay it out yourself under `disko`.
          profile = "simple";
        };
        # NixOS modules of your own have the last word on everything.
        # nixosModules = [ ./modules/base.nix ];
      };

      # A control plane runs the API server and etcd. Three of them survive the loss of one.
      server = {
        extends = "base";
        role = "control-plane";
      };

      # A worker runs what you deploy.
      worker = {
        extends = "base";
        role = "worker";
        # Labels and taints stay as they are written here, whatever happens to the node.
        kubernetes.labels."example.com/pool" = "general";
      };
    };

    # ── clusters: which machine does what ─────────────────────────────────────────────────────────────────────────
    nix8s.clusters.home = {
      # k3s, kubeadm or k0s, and the version of Kubernetes. A higher version here is an upgrade: one machine at a
      # time, one minor version at a time.
      distribution = "k3s";
      version = "1.34";

      # One address for the API, which moves to another control plane when one is down. It must be free.
      ha.vip = "192.168.1.10";

      # The members: a machine's name is the cluster's and the key, here home-server1. A key that you take away is a
      # machine that leaves: drained, removed from etcd, and the plan says so.
      members = {
        server1 = { node = "server"; ip = "192.168.1.11"; };
        server2 = { node = "server"; ip = "192.168.1.12"; };
        server3 = { node = "server"; ip = "192.168.1.13"; };
        worker1 = { node = "worker"; ip = "192.168.1.21"; };
        # Everything that a template says may be said differently here.
        worker2 = {
          node = "worker";
          ip = "192.168.1.22";
          kubernetes.labels."example.com/disk" = "fast";
        };
      };

      # How changes roll through the cluster. Control planes are always taken one by one.
      upgrade = {
        maxUnavailable = 1;
        drainTimeout = "5m";
      };

      # What must hold on a machine after each change; otherwise it is rolled back, and the rest is left alone.
      gates = {
        ready = true;
        soak = "30s";
      };

      # Snapshots of etcd, kept on the control planes.
      etcd.snapshot = { interval = "6h"; retention = 5; };

      # Secrets (join tokens, keys) are made by nix8s and kept in an encrypted file, secrets/home.yaml. They do not
      # belong into this file: a flake is copied to the Nix store, which everybody on the machine can read. Who can
      # decrypt them: you, by the identity that `nix8s init` found or made; .sops.yaml says the same to sops.
      secrets.recipients = [
        "RECIPIENT"
      ];
    };

    # ── provisioning: how machines get their first system ─────────────────────────────────────────────────────────
    # Over SSH, from any Linux or from an installer. Others: pxe, iso, terraform, lima, nixos-rebuild, manual.
    nix8s.provisioning.nixos-anywhere.ssh.user = "root";

    # What may happen without a person, with `apply --yes`. Removing and erasing always ask, unless you say otherwise.
    nix8s.policy = {
      interrupt = true;
      remove = false;
      erase = false;
    };
  };
}
