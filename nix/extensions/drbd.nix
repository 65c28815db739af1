# DRBD 9, which LINSTOR drives from inside Kubernetes: the module alone. The kernel has DRBD 8.4 only, and `services.drbd` would start
# that with configuration files of its own.
{
  lib,
  config,
  pkgs,
  node,
  ...
}:
lib.mkIf config.nix8s.extensions.drbd.enable {
  boot = {
    extraModulePackages = [ config.boot.kernelPackages.drbd ];
    kernelModules = [
      "drbd"
      "drbd_transport_tcp"
    ];
    # LINSTOR answers the kernel itself, and refuses to start where somebody else would.
    extraModprobeConfig = "options drbd usermode_helper=disabled";
  };

  environment.systemPackages = [ pkgs.drbd ];

  # Mounted by LINSTOR's pods, which look for a module to build until they find this one loaded.
  systemd.tmpfiles.settings.nix8s-drbd = lib.genAttrs [ "/usr/src" "/lib/modules" ] (_: {
    d.mode = "0755";
  });

  assertions = [
    {
      assertion = !config.services.drbd.enable;
      message = "clusters.${node.cluster}.members.${node.member}.nixos.services.drbd.enable: it is DRBD 8.4 with a helper of its own, beside extensions.drbd. Remove it";
    }
  ];
}
