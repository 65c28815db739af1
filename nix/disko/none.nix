# No layout: whoever installed the machine says where its file systems are.
{
  config,
  node,
  ...
}:
let
  inherit (config.nix8s) install disko;
  path = "clusters.${node.cluster}.members.${node.member}";
in
{
  assertions = [
    {
      assertion =
        disko != null || (install != null && install.disks.main != null) || config.fileSystems ? "/";
      message = "${path}.install: nothing says where the root file system is. Set install.disk, best to a path below /dev/disk/by-id, and nix8s lays the disk out; or, for a disk that is laid out already, give fileSystems under nixos, as nixos-generate-config prints them.";
    }
  ];
}
