# A hive as colmena takes it: two machines with k3s, one without.
{
  meta = {
    description = "The machines at home";
    nixpkgs = <nixpkgs>;
    specialArgs = { domain = "home.example.com"; };
  };

  defaults = { pkgs, ... }: {
    imports = [ ./common.nix ];
    environment.systemPackages = [ pkgs.htop ];
    time.timeZone = "Europe/Berlin";
    services.openssh.settings.PermitRootLogin = "no";
    deployment.targetUser = "admin";
  };

  alpha = { name, nodes, ... }: {
    deployment = {
      targetHost = "alpha.home.example.com";
      targetPort = 2222;
      tags = [ "k3s" ];
      buildOnTarget = true;
      privilegeEscalationCommand = [ "sudo" "-H" "--" ];
      keys."k3s-token".text = "not-a-real-token";
    };
    networking = {
      hostName = name;
      interfaces.eno1.ipv4.addresses = [
        { address = "192.168.2.11"; prefixLength = 24; }
        { address = "192.168.2.12"; prefixLength = 24; }
      ];
      defaultGateway = { address = "192.168.2.1"; interface = "eno1"; };
      nameservers = [ "192.168.2.1" ];
    };
    services.k3s = {
      enable = true;
      role = "server";
      clusterInit = true;
      token = "not-a-real-token";
      extraFlags = "--disable=traefik --write-kubeconfig-mode=0600";
    };
    disko.devices.disk.main = { type = "disk"; device = "/dev/disk/by-id/nvme-alpha"; content.type = "gpt"; };
    boot.kernelModules = [ "kvm-intel" ];
    system.stateVersion = "25.11";
  };

  beta = { config, ... }: {
    deployment.targetHost = "192.168.2.21";
    networking.useDHCP = true;
    services.k3s = {
      enable = true;
      role = "agent";
      serverAddr = "https://192.168.2.11:6443";
      tokenFile = "/run/keys/k3s-token";
      extraFlags = [ "--node-label=disk=hdd" ];
    };
    disko.devices.disk.main = { type = "disk"; device = "/dev/disk/by-id/ata-beta"; content.type = "gpt"; };
    users.users.admin = { isNormalUser = true; hashedPassword = "$6$example$example"; };
  };

  nas = { lib, ... }: {
    deployment.targetHost = "192.168.2.31";
    networking.hostId = "8425e349";
    services.nfs.server.enable = true;
    boot.supportedFilesystems = lib.mkForce [ "zfs" ];
  };
}
