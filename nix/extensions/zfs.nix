# ZFS: switched on, or because the layout or LINSTOR's pools are ZFS. The host id is in network.nix.
{
  lib,
  config,
  cluster,
  ...
}:
let
  inherit (config.nix8s) extensions install disko;
  isLayout = install != null && disko == null && install.profile == "zfs";
  isLinstor = extensions.linstor != null && cluster.linstor.storage.type == "zfs";
in
lib.mkIf (extensions.zfs.enable || isLayout || isLinstor) {
  boot.supportedFilesystems = [ "zfs" ];

  services.zfs = {
    autoScrub.enable = lib.mkDefault true;
    trim.enable = lib.mkDefault true;
  };

  # Its own snapshotter needs a file system of its own below /var/lib/containerd; overlayfs has worked on ZFS since 2.2.
  virtualisation.containerd.settings.plugins."io.containerd.grpc.v1.cri".containerd.snapshotter =
    lib.mkDefault "overlayfs";
}
