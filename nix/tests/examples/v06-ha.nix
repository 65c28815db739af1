# v0.6, its example for production: three servers, agents with GPUs, and agents with disks for storage.
{
  nodes = {
    server-nvme = {
      network.mac = "aa:bb:cc:dd:ee:01";
      install = {
        disk = "/dev/nvme0n1";
        swapSize = "16G";
      };
      boot.kernelParams = [ "intel_idle.max_cstate=1" ];
      hardware.cpu.vendor = "intel";
    };

    agent-gpu = {
      network.mac = "aa:bb:cc:dd:ee:20";
      install.disk = "/dev/sda";
      extensions.nvidia.enable = true;
    };

    agent-storage = {
      network.mac = "aa:bb:cc:dd:ee:30";
      install.disk = "/dev/sda";
      extensions.drbd = {
        enable = true;
        devices = [
          "/dev/sdb"
          "/dev/sdc"
        ];
      };
    };
  };

  clusters.prod = {
    domain = "k8s.example.com";
    k3s = {
      version = "v1.31.0+k3s1";
      network = {
        clusterCidr = "10.42.0.0/16";
        serviceCidr = "10.43.0.0/16";
      };
      extraArgs.server = [ "--disable=traefik" ];
    };
    ha = {
      enable = true;
      firstServer = "server1";
      vip = "192.168.1.100";
      interface = "eth0";
    };
    cozystack.enable = true;
    members = {
      server1 = {
        node = "server-nvme";
        role = "server";
        ip = "192.168.1.10";
      };
      server2 = {
        node = "server-nvme";
        role = "server";
        ip = "192.168.1.11";
      };
      server3 = {
        node = "server-nvme";
        role = "server";
        ip = "192.168.1.12";
      };
      agent-gpu-1 = {
        node = "agent-gpu";
        role = "agent";
        ip = "192.168.1.20";
      };
      agent-gpu-2 = {
        node = "agent-gpu";
        role = "agent";
        ip = "192.168.1.21";
      };
      agent-storage-1 = {
        node = "agent-storage";
        role = "agent";
        ip = "192.168.1.30";
      };
      agent-storage-2 = {
        node = "agent-storage";
        role = "agent";
        ip = "192.168.1.31";
      };
    };
  };

  provisioning = {
    nixos-anywhere.ssh = {
      user = "root";
      keyFile = "/home/admin/.ssh/deploy_key";
    };
    pxe.server = {
      ip = "192.168.1.1";
      interface = "eth0";
      dhcp = {
        range = "192.168.1.100-192.168.1.200";
        subnet = "192.168.1.0/24";
      };
    };
  };
}
