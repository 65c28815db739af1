{ ... }: {
  networking.hostName = "alpha";
  networking.interfaces.eno1.ipv4.addresses = [ { address = "192.168.2.11"; prefixLength = 24; } ];
  services.openssh.enable = true;
  services.k3s = { enable = true; role = "server"; };
  disko.devices.disk.main = { type = "disk"; device = "/dev/disk/by-id/nvme-alpha"; content.type = "gpt"; };
}
