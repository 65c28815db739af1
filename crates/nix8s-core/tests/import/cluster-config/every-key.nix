# Every key of the design's sections 3 to 6, 8 and 11, set at least once: a reference, not a cluster that anyone
# should want.
{
  clusterConfig = {
    name = "every-key";
    domain = "k8s.example.com";

    kubernetes = {
      version = "1.29";
      podCidr = "10.244.0.0/16";
      serviceCidr = "10.96.0.0/12";
      pki = {
        external = true;
        caCert = ./pki/ca.crt;
        caKey = ./pki/ca.key;
      };
    };

    ha = {
      enabled = true;
      loadBalancer = {
        vip = "192.168.1.100";
        interface = "eth0";
      };
    };

    cozystack.version = "latest";

    nodeConfigurations = {
      base = {
        profiles = [ "base" "kubernetes" ];
        nixos = {
          services.openssh.enable = true;
          nix.settings.experimental-features = [ "nix-command" "flakes" ];
        };
        modules = [ ./modules/common.nix ];
      };
      control-plane = {
        extends = "base";
        role = "control-plane";
        profiles = [ "control-plane" ];
        disko.profile = "etcd-optimized";
        nixos.boot.kernelParams = [ "intel_idle.max_cstate=1" ];
      };
      worker = {
        extends = "base";
        role = "worker";
        profiles = [ "worker" ];
        disko = {
          enable = true;
          profile = "simple";
          partitions = { boot = "512M"; swap = "8G"; root = "100%"; };
          filesystems.root = { type = "xfs"; options = [ "noatime" "nobarrier" ]; };
          encryption = { enable = true; keyFile = ./keys/disk; };
        };
        extensions = {
          drbd.enable = true;
          gpu = { enable = true; vendor = "amd"; };
          storage.enable = true;
          monitoring = { enable = true; nodeExporter = true; };
        };
      };
      worker-zfs = {
        extends = "worker";
        disko.filesystems.root.type = "zfs";
        disko.partitions.root = "100G";
      };
      worker-minimal = {
        extends = "base";
        role = "worker";
        disko.enable = false;
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
            # The design's complete node (its section 5.10), and an inline module of section 5.5.
            modules = [
              ({ config, lib, pkgs, ... }: {
                cozystack.disko = {
                  profile = "lvm";
                  disks = { main = "/dev/sda"; etcd = "/dev/nvme0n1"; data = [ "/dev/sdb" ]; };
                  partitions = { boot = "1G"; swap = "32G"; };
                  encryption = {
                    enable = false;
                    keyFile = config.sops.secrets."disk-encryption-key".path;
                  };
                };
                boot.kernelModules = [ "kvm-intel" "vfio-pci" ];
                hardware.cpu.intel.updateMicrocode = true;
                boot.kernelParams = [ "intel_idle.max_cstate=1" "processor.max_cstate=1" "idle=poll" ];
                networking = {
                  hostName = "cp1";
                  bonds.bond0 = {
                    interfaces = [ "enp1s0f0" "enp1s0f1" ];
                    driverOptions.mode = "802.3ad";
                  };
                  vlans = {
                    management = { id = 100; interface = "bond0"; };
                    storage = { id = 200; interface = "bond0"; };
                    kubernetes = { id = 300; interface = "bond0"; };
                  };
                  interfaces = {
                    management.ipv4.addresses = [ { address = "10.0.100.10"; prefixLength = 24; } ];
                    storage.ipv4.addresses = [ { address = "10.0.200.10"; prefixLength = 24; } ];
                    kubernetes.ipv4.addresses = [ { address = "10.0.300.10"; prefixLength = 24; } ];
                  };
                };
                sops = {
                  defaultSopsFile = ./secrets/cp1.yaml;
                  age.keyFile = "/var/lib/sops-nix/key.txt";
                  secrets."disk-encryption-key" = { };
                };
                cozystack.extensions = {
                  drbd.enable = true;
                  monitoring = { enable = true; nodeExporter = true; };
                };
                services.smartd.enable = true;
                services.fstrim.enable = true;
                environment.systemPackages = with pkgs; [ nvme-cli smartmontools lm_sensors ];
                fileSystems."/data" = { device = "/dev/sdb1"; fsType = "xfs"; };
              })
              ./nodes/cp1/hardware.nix
              ./nodes/cp1/network.nix
            ];
          };
          worker1 = {
            configuration = "worker";
            ip = "192.168.1.20";
            ssh = { host = "192.168.1.20"; port = 2222; user = "ops"; keyFile = ./keys/ops; };
            disko = {
              profile = "custom";
              partitions.boot = "1G";
              rawConfig.disk.sda = { type = "disk"; device = "/dev/sda"; content.type = "gpt"; };
            };
            extensions.gpu.vendor = "nvidia";
            nixos.users.users.ops.hashedPassword = "$6$example$example";
          };
        };
      };

      pxe = {
        server = {
          enable = true;
          ip = "192.168.1.1";
          interface = "eth0";
          dhcp = { enable = true; range = "192.168.1.150-192.168.1.199"; subnet = "192.168.1.0/24"; };
        };
        tftp = { enable = true; root = "/var/lib/tftp"; };
        http = { enable = true; port = 8080; };
        bootTimeout = 600;
        callback = { enable = true; port = 8081; };
        discovery = {
          ttl = 3600;
          heartbeat = { interval = 60; timeout = 300; };
        };
        defaults = { ssh.user = "root"; ssh.keyFile = ./keys/deploy; role = "worker"; };
        nodes.worker-dc2-01 = {
          configuration = "worker";
          ip = "10.20.1.50";
          mac = "aa:bb:cc:dd:ee:50";
          disko.disks.main = "/dev/sda";
        };
      };

      terraform = {
        provider = "hcloud";
        backend = { type = "s3"; bucket = "terraform-state"; secret_key = "not-a-real-secret"; };
        defaults = { location = "fsn1"; ssh_keys = [ "deploy-key" ]; };
        nodes.worker-cloud-01 = {
          configuration = "worker";
          instance_type = "cx21";
          disko.disks.main = "/dev/sda";
        };
      };

      manual = {
        defaults.ssh = { user = "root"; keyFile = ./keys/deploy; };
        waitForSsh = true;
        validateNixos = true;
        nodes.worker-legacy = {
          configuration = "worker-minimal";
          ip = "192.168.1.200";
          ssh.host = "192.168.1.200";
        };
      };

      nixos-rebuild = {
        defaults = {
          ssh = { user = "root"; keyFile = ./keys/deploy; };
          action = "switch";
          flakeRef = ".";
          useRemoteSudo = true;
          rollback = { enable = true; timeout = 60; };
        };
        nodes.Worker_2 = {
          configuration = "worker-minimal";
          ip = "192.168.1.201";
        };
      };
    };

    # The options of the provisioning modules.
    provisioning = {
      method = "nixos-anywhere";
      hooks = {
        pre = [ ./hooks/before.sh ];
        post = [ ./hooks/after.sh ];
        onError = ./hooks/failed.sh;
      };
      healthcheck = { enable = true; timeout = 300; retries = 3; };
      parallel = { enable = true; maxConcurrent = 5; };
      perNode = {
        worker1 = {
          method = "nixos-anywhere";
          hooks = { pre = [ ./hooks/worker1.sh ]; post = [ "echo done" ]; };
          skip = false;
        };
        worker-legacy.skip = true;
      };
      nixos-anywhere = {
        extraFlags = [ "--debug" ];
        kexec.enable = true;
        kexec.image = ./kexec.tar.gz;
      };
      manual = { waitForReady = true; expectedNixosVersion = "26.05"; };
    };

    reconciler = {
      interval = 30;
      update = {
        strategy = "rolling";
        maxUnavailable = 1;
        healthCheck = { wait = 60; retries = 3; };
      };
      discovery = {
        ttl = 7200;
        autoConfiguration.rules = [
          { match.hardware.gpu = true; assign = "worker-gpu"; }
          { match.hardware.memoryGb = ">= 128"; assign = "worker-zfs"; }
          { assign = "worker"; }
        ];
      };
      hooks = {
        preProvision = [ ./hooks/pre-provision.sh ];
        postProvision = [ [ "./hooks/post-provision.sh" "--all" ] ];
        preJoin = [ { text = "echo joins"; } ];
        postJoin = [ (derivation { name = "post-join"; system = "x86_64-linux"; builder = "/bin/sh"; }) ];
        preDrain = [ "echo drains" ];
        postDelete = [ "echo gone" ];
      };
    };

    bootstrap = {
      phases.pre.activationScripts.check-network = {
        deps = [ ];
        supportsDryRun = true;
        text = ''
          log "Checking network connectivity..."
          ping -c 1 example.com || error "No internet"
        '';
      };
      phases.custom-setup = {
        order = 250;
        condition = "[[ -e ./custom-setup ]]";
        activationScripts.setup-storage = {
          deps = [ "check-network" "nixos-anywhere-provision" ];
          text = ''
            log "Setting up storage..."
          '';
        };
      };
      activationScripts.notify-complete = {
        deps = [ ];
        text = ''
          curl -X POST "$WEBHOOK" -d '{"text": "Bootstrap complete!"}'
        '';
      };
      reconcilers = {
        inventory = {
          enable = true;
          after = [ "k8s-joiner" ];
          package = ./reconcilers/inventory;
          interval = 30;
          watchPaths = [ "./inventory.csv" ];
        };
        cozystack = {
          enable = true;
          after = [ "k8s-joiner" ];
          package = derivation { name = "cozystack-reconciler"; system = "x86_64-linux"; builder = "/bin/sh"; };
          interval = 30;
        };
      };
    };
  };
}
