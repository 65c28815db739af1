# What images have in common: nobody gets in without a key, everything that is needed is inside, and nix8s looks at the machine.
{
  lib,
  config,
  pkgs,
  nix8sPackage,
  nix8sTarget,
  nix8sKeys,
  ...
}:
{
  _module.args = {
    nix8sPackage = lib.mkDefault null;
    nix8sTarget = lib.mkDefault null;
    nix8sKeys = lib.mkDefault null;
  };

  # By this nix8s tells an installer from a machine that has a system.
  system.nixos.variant_id = "nix8s-installer";

  services.openssh = {
    enable = true;
    settings = {
      PasswordAuthentication = lib.mkForce false;
      KbdInteractiveAuthentication = lib.mkForce false;
      PermitEmptyPasswords = lib.mkForce false;
      # It lays out disks, whoever works on the machine later.
      PermitRootLogin = lib.mkForce "prohibit-password";
    };
    authorizedKeysFiles = [ "/etc/ssh/nix8s_authorized_keys" ];
  };

  users = {
    mutableUsers = lib.mkDefault false;
    allowNoPasswordLogin = true;
    users.root = {
      # Locked: root without a password is root for everybody at the console, and whoever switches passwords on for SSH.
      hashedPassword = "!";
      openssh.authorizedKeys.keys = lib.optionals (nix8sKeys != null) nix8sKeys;
    };
  };

  # In the image with all that they refer to.
  system.extraDependencies = lib.optionals (nix8sTarget != null) [
    nix8sTarget.config.system.build.toplevel
    nix8sTarget.config.system.build.diskoScript
  ];

  # Disks of all kinds can be read, to see whose they are.
  boot = {
    supportedFilesystems = [
      "btrfs"
      "ext4"
      "vfat"
      "xfs"
    ];
    swraid = {
      enable = true;
      mdadmConf = "PROGRAM ${pkgs.coreutils}/bin/true";
    };
  };
  environment.systemPackages = [
    pkgs.cryptsetup
    pkgs.curl
    pkgs.dosfstools
    pkgs.gptfdisk
    pkgs.lvm2
    pkgs.mdadm
    pkgs.pciutils
    pkgs.util-linux
  ];

  nix.settings.experimental-features = [
    "nix-command"
    "flakes"
  ];

  systemd.services = lib.optionalAttrs (nix8sPackage != null) {
    nix8s-discover = {
      description = "What this machine is made of";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      path = [
        config.systemd.package
        pkgs.util-linux
      ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = "${lib.getExe' nix8sPackage "nix8s"} on-node discover";
        StandardOutput = "journal+console";
      };
    };
  };

  # An installer is as new as what it installs.
  system.stateVersion = lib.mkOverride 900 lib.trivial.release;
}
