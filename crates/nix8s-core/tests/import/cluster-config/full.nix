# The design's full example: its cluster, node configurations and provisioners, as they stand.
{
  clusterConfig = {
    name = "prod-cluster";
    domain = "k8s.example.com";

    kubernetes = {
      version = "1.29";
      podCidr = "10.244.0.0/16";
      serviceCidr = "10.96.0.0/12";
    };

    ha = {
      enabled = true;
      loadBalancer = {
        vip = "192.168.1.100";
        interface = "eth0";
      };
    };

    cozystack = {
      version = "latest";
    };

    nodeConfigurations = {
      base = {
        profiles = [ "base" "kubernetes" ];

        nixos = {
          services.openssh.enable = true;
          nix.settings.experimental-features = [ "nix-command" "flakes" ];
        };
      };

      control-plane = {
        extends = "base";
        role = "control-plane";
        profiles = [ "control-plane" ];

        disko.profile = "simple";
      };

      control-plane-nvme = {
        extends = "control-plane";

        disko.profile = "etcd-optimized";

        nixos.boot.kernelParams = [ "intel_idle.max_cstate=1" ];
      };

      worker = {
        extends = "base";
        role = "worker";
        profiles = [ "worker" ];

        disko.profile = "simple";
      };

      worker-gpu = {
        extends = "worker";

        extensions.gpu.enable = true;

        nixos.hardware.graphics.enable = true;
      };

      worker-storage = {
        extends = "worker";

        disko.profile = "lvm";

        extensions.drbd.enable = true;
      };

      worker-minimal = {
        extends = "base";
        role = "worker";

        profiles = [ "worker" ];
        disko.enable = false;
      };
    };

    provisioners = {
      nixos-anywhere = {
        defaults = {
          ssh = {
            user = "root";
            keyFile = ./keys/deploy;
          };
          buildOnRemote = true;
          kexec = true;
        };

        nodes = {
          cp1 = {
            configuration = "control-plane-nvme";
            ip = "192.168.1.10";
            ssh.host = "192.168.1.10";
            disko.disks = {
              main = "/dev/sda";
              etcd = "/dev/nvme0n1";
            };
          };

          cp2 = {
            configuration = "control-plane-nvme";
            ip = "192.168.1.11";
            ssh.host = "192.168.1.11";
            disko.disks = {
              main = "/dev/sda";
              etcd = "/dev/nvme0n1";
            };
          };

          cp3 = {
            configuration = "control-plane-nvme";
            ip = "192.168.1.12";
            ssh.host = "192.168.1.12";
            disko.disks = {
              main = "/dev/sda";
              etcd = "/dev/nvme0n1";
            };
          };

          worker1 = {
            configuration = "worker-storage";
            ip = "192.168.1.20";
            ssh.host = "192.168.1.20";
            disko.disks = {
              main = "/dev/sda";
              data = [ "/dev/sdb" "/dev/sdc" ];
            };
          };

          worker-gpu-01 = {
            configuration = "worker-gpu";
            ip = "192.168.1.21";
            ssh.host = "192.168.1.21";
            disko.disks.main = "/dev/nvme0n1";

            extensions.gpu.vendor = "nvidia";
            modules = [ ./nodes/gpu-01/nvidia.nix ];
          };
        };
      };

      pxe = {
        server = {
          ip = "192.168.1.1";
          interface = "eth0";
          dhcp = {
            range = "192.168.1.100-192.168.1.200";
            subnet = "192.168.1.0/24";
          };
        };

        defaults.ssh = {
          user = "root";
          keyFile = ./keys/deploy;
        };

        nodes = {
          worker-dc2-01 = {
            configuration = "worker";
            ip = "10.20.1.50";
            mac = "aa:bb:cc:dd:ee:50";
            disko.disks.main = "/dev/sda";
          };

          worker-dc2-02 = {
            configuration = "worker";
            ip = "10.20.1.51";
            mac = "aa:bb:cc:dd:ee:51";
            disko.disks.main = "/dev/sda";
          };
        };
      };

      terraform = {
        provider = "hcloud";
        backend = {
          type = "s3";
          bucket = "terraform-state";
        };

        defaults = {
          location = "fsn1";
          ssh_keys = [ "deploy-key" ];
        };

        nodes = {
          worker-cloud-01 = {
            configuration = "worker";
            instance_type = "cx21";
          };

          worker-cloud-02 = {
            configuration = "worker";
            instance_type = "cx21";
          };
        };
      };

      manual = {
        defaults.ssh = {
          user = "root";
          keyFile = ./keys/deploy;
        };

        waitForSsh = true;
        validateNixos = true;

        nodes = {
          worker-legacy = {
            configuration = "worker-minimal";
            ip = "192.168.1.200";
            ssh.host = "192.168.1.200";
          };

          worker-external = {
            configuration = "worker-minimal";
            ip = "192.168.1.201";
            ssh.host = "192.168.1.201";
          };
        };
      };

      nixos-rebuild = {
        defaults = {
          ssh = {
            user = "root";
            keyFile = ./keys/deploy;
          };
          action = "switch";
        };

        nodes = {
        };
      };
    };
  };
}
