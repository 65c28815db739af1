# The kernel: parameters and modules of the document, drivers for machines that nobody has looked at, a console that can be reached
# from afar, and a watchdog.
{
  lib,
  modulesPath,
  node,
  ...
}:
let
  inherit (lib) mkDefault mkIf mkMerge;
  isX86 = lib.hasPrefix "x86_64" node.system;
  inherit (node.hardware) cpu;
  serial = if isX86 then "ttyS0,115200n8" else "ttyAMA0,115200n8";
  path = "clusters.${node.cluster}.members.${node.member}";

  hasOption = builtins.pathExists "${modulesPath}/hardware/all-hardware.nix";
  isNew = lib.versionAtLeast lib.trivial.release "25.11";
in
{
  # Storage and network drivers of servers and virtual machines: the same disk starts either.
  imports = lib.optional (!hasOption) "${modulesPath}/profiles/all-hardware.nix";

  config = mkMerge [
    (lib.optionalAttrs hasOption { hardware.enableAllHardware = mkDefault true; })
    # A machine that hangs starts again by itself.
    (
      if isNew then
        { systemd.settings.Manager.RuntimeWatchdogSec = mkDefault "30s"; }
      else
        { systemd.watchdog.runtimeTime = mkDefault "30s"; }
    )
    {
      boot = {
        # The last one is what messages of the start and of emergencies go to.
        kernelParams = [
          "console=tty0"
          "console=${serial}"
        ]
        ++ node.boot.kernelParams;
        inherit (node.boot) kernelModules;
        tmp.cleanOnBoot = mkDefault true;
      };

      hardware = {
        enableRedistributableFirmware = mkDefault true;
        cpu.intel.updateMicrocode = mkIf (cpu.vendor == "intel") (mkDefault cpu.updateMicrocode);
        cpu.amd.updateMicrocode = mkIf (cpu.vendor == "amd") (mkDefault cpu.updateMicrocode);
      };

      services.fstrim.enable = mkDefault true;

      assertions = [
        {
          assertion = cpu.vendor == null || isX86;
          message = "${path}.hardware.cpu.vendor: ${toString cpu.vendor} makes no ${node.system} processors. Remove it";
        }
      ];
    }
  ];
}
