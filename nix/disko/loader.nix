# What starts the machine. Every layout has a BIOS boot partition and an EFI system partition: GRUB starts from it either way,
# systemd-boot by UEFI. Where nobody says which, it is systemd-boot, except on layouts that are there for old firmware or two disks.
{
  lib,
  config,
  node,
  ...
}:
let
  inherit (config.nix8s) install disko;
  inherit (lib) mkDefault mkIf mkMerge;

  isOurs = install != null && disko == null && install.disks.main != null;
  loader =
    if node.boot.loader != null then
      node.boot.loader
    else if
      isOurs
      && builtins.elem install.profile [
        "raid"
        "thin"
      ]
    then
      "grub"
    # Who laid out the disks has said how they start.
    else if isOurs || disko != null then
      "systemd-boot"
    else
      null;

  # Kernels and initrds of that many generations fit into the boot partition.
  generations = 10;
in
{
  boot.loader = mkMerge [
    (mkIf (loader == "systemd-boot") {
      grub.enable = mkDefault false;
      efi.canTouchEfiVariables = mkDefault true;
      systemd-boot = {
        enable = mkDefault true;
        configurationLimit = mkDefault generations;
        # Otherwise whoever is at the console is root.
        editor = mkDefault false;
        # Firmware that refuses to keep variables starts the fallback path.
        graceful = mkDefault true;
      };
    })
    (mkIf (loader == "grub") {
      systemd-boot.enable = mkDefault false;
      efi.canTouchEfiVariables = mkDefault false;
      grub = {
        enable = mkDefault true;
        configurationLimit = mkDefault generations;
        efiSupport = mkDefault true;
        # Found by every firmware, also after the disk was put into another machine.
        efiInstallAsRemovable = mkDefault true;
        # Disks with a BIOS boot partition are added by disko.
        device = mkIf (isOurs || disko != null) (mkDefault "nodev");
      };
    })
  ];
}
