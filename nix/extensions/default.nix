# What may be switched on beside Kubernetes: each word of `extensions` is a file.
{
  imports = [
    ./drbd.nix
    ./gpu.nix
    ./linstor.nix
    ./monitoring.nix
    ./storage.nix
    ./zfs.nix
  ];
}
