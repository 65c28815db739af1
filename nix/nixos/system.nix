# What nix8s finds on a machine: of what its system is made (`/etc/nix8s/system.json`), and the unit that ends a switch after a boot.
{
  lib,
  config,
  pkgs,
  ...
}:
let
  digest =
    value:
    builtins.substring 0 16 (
      builtins.hashString "sha256" (builtins.unsafeDiscardStringContext (builtins.toJSON value))
    );
  units =
    names:
    lib.genAttrs (builtins.filter (name: config.systemd.units ? ${name}) names) (
      name: config.systemd.units.${name}.text
    );
  disk =
    {
      device,
      fsType,
      options,
      ...
    }:
    {
      inherit device fsType options;
    };
  file = "nix8s/system.json";
  own = config.nix8s.parts;
in
{
  nix8s.system = {
    inherit (config.nix8s.kubernetes) version;
    parts = lib.mapAttrs (_: digest) {
      kernel = [
        config.boot.kernelPackages.kernel.outPath
        config.boot.kernelParams
        (map toString config.boot.extraModulePackages)
        own.kernel
      ];
      initrd = [
        config.system.build.initialRamdisk.outPath
        own.initrd
      ];
      kubernetes = [
        (units [
          "k3s.service"
          "kubelet.service"
          "containerd.service"
        ])
        own.kubernetes
      ];
      disks = [
        (lib.mapAttrs (_: disk) config.fileSystems)
        (map (swap: swap.device) config.swapDevices)
        own.disks
      ];
      network = [
        (lib.mapAttrs (_: unit: unit.text) config.systemd.network.units)
        config.networking.hostName
        own.network
      ];
      rest = [
        (lib.mapAttrs (_: entry: toString entry.source) (
          lib.filterAttrs (name: entry: name != file && entry.enable) config.environment.etc
        ))
        config.system.path.outPath
      ];
    };
  };

  environment.etc.${file}.text = builtins.toJSON config.nix8s.system;

  # A machine that was restarted in the middle of a switch decides here whether it goes back.
  systemd.services.nix8s-switch = {
    description = "What a boot makes of a switch that nobody has confirmed";
    wantedBy = [ "multi-user.target" ];
    after = [ "network.target" ];
    unitConfig.ConditionPathExists = "/var/lib/nix8s/switch/armed.json";
    # A switch must not stop what watches over it.
    restartIfChanged = false;
    stopIfChanged = false;
    path = [
      config.nix.package
      pkgs.systemd
    ];
    serviceConfig.Type = "oneshot";
    # nix8s puts itself here before it switches; the newest is the one that did.
    script = ''
      newest=
      for program in /var/lib/nix8s/bin/nix8s-*; do
        if [ -z "$newest" ] || [ "$program" -nt "$newest" ]; then newest=$program; fi
      done
      exec "$newest" on-node resume
    '';
  };
}
