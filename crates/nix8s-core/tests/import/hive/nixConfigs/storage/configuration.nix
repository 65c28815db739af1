{ config, lib, pkgs, ... }: {
  networking.interfaces.eno1.ipv4.addresses = [ { address = "192.168.2.31"; prefixLength = 24; } ];
  environment.systemPackages = [ pkgs.nfs-utils ];
}
