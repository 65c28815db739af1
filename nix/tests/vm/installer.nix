# A machine is installed onto an empty disk by disko's script and nixos-install, and starts from it.
{
  lib,
  pkgs,
  nixpkgs,
  nix8s,
  besides,
  ...
}:
let
  target =
    (nix8s.fromDocument
      {
        clusters.lab = {
          version = lib.versions.majorMinor pkgs.k3s.version;
          members.only = {
            name = "only";
            role = "control-plane";
            ip = "192.168.1.11";
            # Where the installer finds it; the installed machine goes by names of partitions.
            install = {
              disk = "/dev/vdb";
              profile = "simple";
              bootSize = "512M";
            };
            boot.loader = "grub";
            stateVersion = lib.trivial.release;
          };
        };
      }
      {
        modules = [
          {
            # How the test speaks to it.
            nix8s.clusters.lab.members.only.nixosModules = [
              (nixpkgs + "/nixos/modules/testing/test-instrumentation.nix")
              besides
            ];
          }
        ];
      }
    ).nixosConfigurations.only.config.system.build;
in
{
  name = "nix8s-installer";

  nodes.installer = {
    virtualisation = {
      cores = 2;
      memorySize = 2048;
      emptyDiskImages = [ 8192 ];
      writableStore = true;
      additionalPaths = [
        target.toplevel
        target.diskoScript
      ];
    };
    system.extraDependencies = [
      target.toplevel
      target.diskoScript
    ];
    nix.settings.substituters = lib.mkForce [ ];
  };

  testScript = ''
    installer.start()
    installer.wait_for_unit("multi-user.target")
    installer.succeed("${target.diskoScript}")
    installer.succeed("findmnt /mnt && findmnt /mnt/boot")
    installer.succeed("nixos-install --no-root-passwd --no-channel-copy --system ${target.toplevel}")
    disk = installer.state_dir / "empty0.qcow2"
    installer.shutdown()

    only = create_machine(
        "${lib.getExe' pkgs.qemu_test "qemu-kvm"} -m 2048 -smp 2 -nographic"
        + f" -drive file={disk},if=virtio,werror=report",
        name="only",
    )
    only.start()
    only.wait_for_unit("multi-user.target")
    only.succeed("[ $(hostname) = only ]")
    only.succeed("findmnt --noheadings --output SOURCE / | grep vda")
    only.succeed("jq --exit-status .parts /etc/nix8s/system.json")
    # It has no turn yet.
    only.fail("systemctl is-active k3s.service")
    only.succeed("ls /dev/disk/by-partlabel/nix8s-root /dev/disk/by-partlabel/nix8s-ESP")
  '';
}
