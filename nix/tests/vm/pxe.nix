# The installer of a machine starts over the network, knows what it is, and lets nobody in without a key.
{
  lib,
  pkgs,
  nixpkgs,
  nix8s,
  besides,
  ...
}:
let
  outputs = nix8s.fromDocument {
    clusters.lab = {
      version = lib.versions.majorMinor pkgs.k3s.version;
      members.only = {
        name = "only";
        role = "control-plane";
        ip = "192.168.1.11";
        install.disk = "/dev/vda";
        stateVersion = lib.trivial.release;
      };
    };
  } { };
  installer =
    (outputs.nixosConfigurations.only-installer.extendModules {
      modules = [
        (nixpkgs + "/nixos/modules/testing/test-instrumentation.nix")
        besides
        # The test need not carry what it does not install.
        { system.extraDependencies = lib.mkForce [ ]; }
      ];
    }).config.system.build;
  folder = pkgs.symlinkJoin {
    name = "nix8s-netboot";
    paths = [
      installer.netbootRamdisk
      installer.kernel
      installer.netbootIpxeScript
    ];
  };
in
{
  name = "nix8s-pxe";
  nodes = { };

  testScript = ''
    machine = create_machine(
        "${lib.getExe' pkgs.qemu_test "qemu-kvm"} -m 4096 -smp 2 -nographic -boot n"
        + " -netdev user,id=net0,tftp=${folder}/,bootfile=netboot.ipxe -device virtio-net-pci,netdev=net0",
        name="machine",
    )
    machine.start()
    machine.wait_for_unit("multi-user.target")
    machine.succeed("grep --fixed-strings VARIANT_ID=nix8s-installer /etc/os-release")
    machine.succeed("passwd --status root | grep '^root L'")
    machine.wait_for_unit("sshd.service")
    machine.succeed("sshd -T | grep --ignore-case 'passwordauthentication no'")
  '';
}
