# The base of every machine: loader, kernel, swap, state version, profiles.
{ lib, t, ... }:
let
  first = checks: lib.findFirst (check: check != null) null checks;
  boot = boot: { member = { inherit boot; }; };
  arm = {
    member.system = "aarch64-linux";
    member.boot.loader = "grub";
  };
in
{
  "machine/systemd-boot, where nothing is said" =
    let
      inherit ((t.config { }).boot) loader;
    in
    first [
      (t.equal loader.systemd-boot.enable true)
      (t.equal loader.grub.enable false)
      (t.equal loader.systemd-boot.configurationLimit 10)
      (t.equal loader.systemd-boot.editor false)
    ];
  "machine/systemd-boot is not installed where a BIOS starts" =
    t.contains (t.config { }).disko.devices.disk.main._create
      "/sys/firmware/efi";
  "machine/GRUB starts by BIOS and by UEFI" =
    let
      config = t.config (boot {
        loader = "grub";
      });
      inherit (config.boot.loader) grub;
    in
    first [
      (t.evaluates (boot {
        loader = "grub";
      }))
      (t.equal config.boot.loader.systemd-boot.enable false)
      (t.holds "the disk" (builtins.elem "/dev/disk/by-id/nvme-system" grub.devices))
      (t.holds "UEFI" (grub.efiSupport && grub.efiInstallAsRemovable))
      (t.equal grub.configurationLimit 10)
      (t.lacks config.disko.devices.disk.main._create "/sys/firmware/efi")
    ];
  "machine/GRUB on ARM starts by UEFI alone" =
    let
      config = t.config arm;
    in
    first [
      (t.evaluates arm)
      (t.equal config.boot.loader.grub.devices [ "nodev" ])
      (t.holds "no partition for a BIOS" (!(config.disko.devices.disk.main.content.partitions ? bios)))
    ];
  "X-18: kernel parameters and modules" =
    let
      config = t.config (boot {
        kernelParams = [ "intel_idle.max_cstate=1" ];
        kernelModules = [ "kvm-intel" ];
      });
    in
    first [
      (t.holds "the parameter" (builtins.elem "intel_idle.max_cstate=1" config.boot.kernelParams))
      (t.holds "the module" (builtins.elem "kvm-intel" config.boot.kernelModules))
    ];
  "X-18: microcode" =
    let
      cpu =
        vendor: update:
        (t.config {
          member.hardware.cpu = {
            inherit vendor;
            updateMicrocode = update;
          };
        }).hardware.cpu;
    in
    first [
      (t.equal (cpu "intel" true).intel.updateMicrocode true)
      (t.equal (cpu "intel" true).amd.updateMicrocode false)
      (t.equal (cpu "amd" true).amd.updateMicrocode true)
      (t.equal (cpu "amd" false).amd.updateMicrocode false)
    ];
  "machine/processors that ARM has not" = t.refuses {
    member = {
      system = "aarch64-linux";
      hardware.cpu.vendor = "intel";
    };
  } "hardware.cpu.vendor: intel makes no aarch64-linux processors";
  "machine/a serial console" = first [
    (t.holds "on x86" (builtins.elem "console=ttyS0,115200n8" (t.config { }).boot.kernelParams))
    (t.holds "on ARM" (
      builtins.elem "console=ttyAMA0,115200n8"
        (t.config { member.system = "aarch64-linux"; }).boot.kernelParams
    ))
  ];
  "machine/a machine that hangs starts again" =
    t.equal (t.config { }).systemd.watchdog.runtimeTime
      "30s";

  "X-23: swap where the kubelet does not bear it" =
    let
      said = {
        cluster.distribution = "kubeadm";
        member.install.swapSize = "8G";
      };
    in
    if (import ../../distributions).kubeadm.swapAllowed or true then
      null
    else
      t.refuses said "clusters.c.members.m.install.swapSize: kubeadm's kubelet does not start with swap";
  "X-23: swap where there is no kubelet" = t.evaluates {
    cluster.distribution = "kubeadm";
    member = {
      role = "none";
      install.swapSize = "8G";
    };
    members.cp = {
      role = "control-plane";
      install.disk = "/dev/disk/by-id/nvme-system";
    };
  };

  "machine/the state version that is recorded" =
    t.equal (t.config { member.stateVersion = "23.11"; }).system.stateVersion
      "23.11";
  "machine/no state version is told of" = t.warns {
    member.stateVersion = null;
  } "clusters.c.members.m.stateVersion: none is set";
  "machine/the profile minimal" =
    let
      said.member.profiles = [
        "minimal"
        "worker"
      ];
    in
    first [
      (t.evaluates said)
      (t.equal (t.config said).documentation.enable false)
      (t.equal (t.config said).warnings [ ])
    ];
  "machine/a profile that is not nix8s's" = t.warns {
    member.profiles = [ "storage" ];
  } "profiles: storage is no profile of nix8s";
  "machine/the user has the last word" =
    let
      config = t.config {
        member.nixos = {
          boot.loader.systemd-boot.configurationLimit = 3;
          services.openssh.settings.X11Forwarding = true;
          time.timeZone = "Europe/Berlin";
          nix.gc.automatic = false;
        };
      };
    in
    first [
      (t.equal config.boot.loader.systemd-boot.configurationLimit 3)
      (t.equal config.services.openssh.settings.X11Forwarding true)
      (t.equal config.time.timeZone "Europe/Berlin")
      (t.equal config.nix.gc.automatic false)
    ];
}
