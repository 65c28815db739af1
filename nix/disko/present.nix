# A system that looks for its root file system under another name than this machine's disk has would not start again, so it is
# not switched to: such a machine was laid out by something else.
{
  lib,
  config,
  options,
  node,
  ...
}:
let
  devices = lib.unique (
    map (fs: fs.device) (
      builtins.filter (fs: fs.mountPoint == "/" && fs.device != null && lib.hasPrefix "/dev/" fs.device) (
        builtins.attrValues config.fileSystems
      )
    )
  );
in
{
  # From 25.05 on.
  config = lib.optionalAttrs (options.system ? preSwitchChecks) {
    system.preSwitchChecks.nix8s = lib.concatMapStrings (device: ''
      if [ ! -e ${lib.escapeShellArg device} ]; then
        echo "${device}, the root file system of this system, is not on this machine: its disks were laid out by something else than clusters.${node.cluster}.members.${node.member}.install. Describe them there, or under disko as they are" >&2
        exit 1
      fi
    '') devices;
  };
}
