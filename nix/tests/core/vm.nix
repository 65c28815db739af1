# The tests in virtual machines evaluate; running them is for machines with KVM.
{
  lib,
  t,
  nixpkgs,
  disko,
  ...
}:
let
  pkgs = nixpkgs.legacyPackages.x86_64-linux;
  patched = pkgs // {
    qemu_test = pkgs.qemu_test // {
      ga = pkgs.qemu_test;
    };
    k3s = pkgs.k3s // {
      airgapImages = pkgs.k3s;
    };
    appendOverlays = _: patched;
    __splicedPackages = patched;
  };
  tests = import ../vm {
    inherit nixpkgs disko;
    system = "x86_64-linux";
    # Where packages are stood in for there is no agent of QEMU, and no images of k3s.
    besides = lib.optionalAttrs (!(pkgs.qemu_test ? ga)) { nixpkgs.pkgs = lib.mkForce patched; };
  };
  failed = node: map (a: a.message) (builtins.filter (a: !a.assertion) node.assertions);
  check =
    test:
    lib.findFirst (found: found != null) null (
      [
        (t.holds "has no derivation" (test.drvPath != ""))
        (t.contains test.script "wait_for_unit")
      ]
      ++ lib.concatMap (node: [
        (t.equal (failed node) [ ])
        (t.holds "a machine has no system" (node.system.build.toplevel.drvPath != ""))
      ]) (builtins.attrValues test.nodes)
    );
in
lib.mapAttrs' (name: test: lib.nameValuePair "in virtual machines: ${name}" (check test)) tests
