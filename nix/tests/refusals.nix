# Documents that are refused, several times each if possible: together they make every assertion of ours fire, which
# crates/nix8s/tests/nix/refusals.rs compares with the sources. What the harness takes as `said`.
let
  system = "/dev/disk/by-id/nvme-system";
  member = member: { inherit member; };
in
{
  "a layout of one's own, and install" = member {
    install = {
      profile = "custom";
      swapSize = "4G";
      rootSize = "20G";
      encryption.enable = true;
    };
    disko.devices.disk.main = {
      type = "disk";
      device = system;
      content = {
        type = "filesystem";
        format = "ext4";
        mountpoint = "/";
      };
    };
    extensions.linstor = {
      disk = system;
      partitionFromRoot = "10G";
    };
  };

  "a layout of one's own that is not there" = member { install.profile = "custom"; };

  "half a mirror" = member {
    install.profile = "raid";
    boot.loader = "systemd-boot";
    extensions.linstor.partitionFromRoot = true;
  };

  "a pool beside the thin pool" = member {
    install.profile = "thin";
    extensions.linstor.partitionFromRoot = true;
  };

  "ZFS of XFS, encrypted with nothing" = member {
    install = {
      profile = "zfs";
      filesystem = {
        type = "xfs";
        options = [ "nobarrier" ];
      };
      encryption.enable = true;
    };
    extensions.linstor.partitionFromRoot = true;
  };

  "etcd's disk that is not there, and an address that is none" = {
    member.install.profile = "etcd-optimized";
    cluster.ha = {
      mode = "keepalived";
      port = 7443;
    };
  };

  "nothing to start from, and nobody who has the address" = member {
    install.enable = false;
    network = {
      dhcp = false;
      vlans.storage = { };
    };
  };

  "bonds" = member {
    network.bonds = {
      bond0 = {
        interfaces = [ "eno1" ];
        options.speed = "fast";
      };
      bond1.interfaces = [ "eno1" ];
      bond2 = { };
    };
  };

  "no address" = member {
    ip = "auto";
    network = {
      dhcp = false;
      interface = "eno1";
    };
  };

  "k3s" = {
    cluster = {
      version = "1.99";
      pki.external = true;
      etcd.snapshot.interval = "7h";
      k3s = {
        config.token = "T";
        extraArgs.control-plane = [ "--cluster-init" ];
      };
    };
  };

  "k0s" = {
    cluster.distribution = "k0s";
  };

  "kubeadm" = {
    cluster = {
      distribution = "kubeadm";
      secrets.encryptionAtRest = true;
      network = {
        mesh = "wireguard";
        clusterDns = "10.43.0.53";
      };
      etcd.snapshot.s3.bucket = "b";
      kubeadm = {
        config.nonsense = true;
        disable = [ "traefik" ];
      };
      ha = {
        mode = "haproxy";
        vip = "10.0.0.5";
        port = 6443;
      };
      cozystack = {
        enable = true;
        network.podCidr = "10.244.0.0/16";
      };
    };
    member.install.swapSize = "4G";
  };

  "what the machine is not" = member {
    system = "aarch64-linux";
    hardware.cpu.vendor = "intel";
    extensions = {
      drbd.enable = true;
      gpu = {
        enable = true;
        vendor = "amd";
        package = "production";
      };
    };
    nixos.services.drbd = {
      enable = true;
      config = "";
    };
    ssh.user = "deploy";
  };

  "root who may not log in" = {
    member.ssh.rootLogin = "no";
    users.alice.sudo = "password";
  };

  "a password that nobody has" = member {
    ssh = {
      user = "deploy";
      sudo = "password";
    };
  };

  "an image with things of one's own" = {
    machine = "c-m-iso";
    provisioning.iso = {
      files."/etc/motd" = "./motd";
      scripts.before = [ "./before.sh" ];
    };
  };

  "BGP without anybody to speak to" = {
    cluster.metallb = {
      enable = true;
      mode = "bgp";
      addresses = [ "10.0.0.100-10.0.0.120" ];
    };
  };
}
