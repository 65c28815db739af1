# The design's example of mixed provisioning, as it stands.
{
  clusterConfig = {
    name = "hybrid-cluster";

    nodeConfigurations = {
      base.profiles = [ "base" "kubernetes" ];

      control-plane = {
        extends = "base";
        role = "control-plane";
        disko.profile = "etcd-optimized";
      };

      worker = {
        extends = "base";
        role = "worker";
        disko.profile = "simple";
      };
    };

    provisioners = {
      nixos-anywhere = {
        defaults = {
          ssh = { user = "root"; keyFile = ./keys/deploy; };
          buildOnRemote = true;
          kexec = true;
        };

        nodes = {
          cp1 = {
            configuration = "control-plane";
            ip = "192.168.1.10";
            ssh.host = "192.168.1.10";
            disko.disks = { main = "/dev/sda"; etcd = "/dev/nvme0n1"; };
          };
          cp2 = {
            configuration = "control-plane";
            ip = "192.168.1.11";
            ssh.host = "192.168.1.11";
            disko.disks = { main = "/dev/sda"; etcd = "/dev/nvme0n1"; };
          };
          worker1 = {
            configuration = "worker";
            ip = "192.168.1.20";
            ssh.host = "192.168.1.20";
            disko.disks.main = "/dev/sda";
          };
        };
      };

      pxe = {
        server = {
          ip = "10.20.1.1";
          interface = "eth0";
          dhcp = {
            range = "10.20.1.100-10.20.1.200";
            subnet = "10.20.1.0/24";
          };
        };
        defaults.ssh = { user = "root"; keyFile = ./keys/deploy; };

        nodes = {
          worker-dc2-01 = {
            configuration = "worker";
            ip = "10.20.1.50";
            mac = "aa:bb:cc:dd:ee:50";
            disko.disks.main = "/dev/sda";
          };
        };
      };

      nixos-rebuild = {
        defaults = {
          ssh = { user = "root"; keyFile = ./keys/deploy; };
          action = "switch";
        };

        nodes = {
          legacy-node = {
            configuration = "worker";
            ip = "192.168.1.100";
            ssh.host = "192.168.1.100";
          };
        };
      };

      manual = {
        waitForSsh = true;
        validateNixos = true;
        defaults.ssh = { user = "root"; keyFile = ./keys/deploy; };

        nodes = {
          special-node = {
            configuration = "worker";
            ip = "192.168.1.200";
            ssh.host = "192.168.1.200";
          };
        };
      };
    };

    reconciler = {
      update.strategy = "rolling";
      discovery.ttl = 3600;
    };
  };
}
