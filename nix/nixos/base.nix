# What a machine has, whatever it does: the time, limits for its journal, Nix, tools that nix8s and people need, and its state version.
{
  lib,
  config,
  pkgs,
  node,
  ...
}:
let
  inherit (lib) mkDefault;
  path = "clusters.${node.cluster}.members.${node.member}";
in
{
  system.stateVersion = mkDefault (
    if node.stateVersion == null then lib.trivial.release else node.stateVersion
  );
  warnings =
    lib.optional (node.stateVersion == null && config.system.stateVersion == lib.trivial.release)
      "${path}.stateVersion: none is set, so it is that of nixpkgs (${lib.trivial.release}), and would move with it. Set it to the release that the machine is installed with";

  # etcd and certificates need it.
  services.timesyncd.enable = mkDefault true;
  time.timeZone = mkDefault "UTC";

  services.journald.extraConfig = ''
    SystemMaxUse=1G
    SystemKeepFree=1G
    RuntimeMaxUse=128M
  '';

  nix = {
    settings = {
      experimental-features = [
        "nix-command"
        "flakes"
      ];
    };
    # What nix8s may still need is a root of its own (/nix/var/nix/gcroots/nix8s).
    gc = {
      automatic = mkDefault true;
      dates = mkDefault "weekly";
      randomizedDelaySec = mkDefault "6h";
      options = mkDefault "--delete-older-than 14d";
    };
    channel.enable = mkDefault false;
  };

  environment.systemPackages = [
    # What nix8s looks with.
    pkgs.coreutils
    pkgs.curl
    pkgs.gnused
    pkgs.util-linux
    # What people look with.
    pkgs.htop
    pkgs.jq
    pkgs.vim
  ];

  # A kernel that crashed starts again.
  boot.kernel.sysctl = {
    "kernel.panic" = mkDefault 10;
    "kernel.panic_on_oops" = mkDefault 1;
  };
}
