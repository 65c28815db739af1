# For machines that nobody knows yet: an address by DHCP on every interface, and nix8s tells what it found.
{ lib, modulesPath, ... }:
let
  hasOption = builtins.pathExists "${modulesPath}/hardware/all-hardware.nix";
in
{
  imports = [
    ./netboot.nix
  ]
  ++ lib.optional (!hasOption) "${modulesPath}/profiles/all-hardware.nix";

  config = {
    networking = {
      hostName = lib.mkDefault "nix8s-discovery";
      useNetworkd = true;
      useDHCP = false;
    };
    systemd.network = {
      enable = true;
      networks."40-nix8s" = {
        matchConfig = {
          Type = "ether";
          Kind = "!*";
        };
        networkConfig.DHCP = "yes";
        # Machines of one rack are told apart by their hardware, also where they were cloned.
        dhcpV4Config.ClientIdentifier = "mac";
      };
      wait-online.anyInterface = true;
    };

    boot.kernelParams = [
      "console=ttyS0,115200n8"
      "console=tty0"
    ];
  }
  // lib.optionalAttrs hasOption { hardware.enableAllHardware = true; };
}
