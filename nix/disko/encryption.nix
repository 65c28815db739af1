# How encrypted disks open at boot. The key itself is on the machine only while disko formats, in memory: at boot it is typed at a
# console (the other disks are tried with what opened the first), or the machine's TPM has it, once `systemd-cryptenroll` put it there.
{ lib, config, ... }:
let
  inherit (config.nix8s) install;
in
{
  config = lib.mkIf (install != null && install.encryption.enable) {
    # The scripted initrd knows no TPM.
    boot.initrd.systemd.enable = true;
  };
}
