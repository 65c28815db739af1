# An image that is started over the network: kernel, initrd and iPXE script (`system.build.{kernel,netbootRamdisk,netbootIpxeScript}`).
# Not nixpkgs's own netboot-minimal.nix: that one lets root and a user in at the console without a password.
{ lib, modulesPath, ... }:
{
  imports = [
    "${modulesPath}/installer/netboot/netboot.nix"
    "${modulesPath}/profiles/minimal.nix"
    ./image.nix
  ];

  # The whole of it is in memory, twice while it starts.
  netboot.squashfsCompression = lib.mkDefault "zstd -Xcompression-level 19";
}
