# The document of a folder with `cluster.nix`, as the NICO operator writes it: what `nix8s config import --from cluster-nix` makes of it.
{ lib }:
{
  dir,
  # What cluster.nix does not hold.
  network ? { },
  disk ? "/dev/sda",
  modules ? [ ],
  version,
}:
let
  file = import (dir + "/cluster.nix");
  said =
    if builtins.isFunction file then
      throw "cluster.nix: it is a function, as the operator wrote it for modules, and nobody can say what it is called with. Write what it gives: { name = …; controlPlane = [ … ]; workers = [ … ]; }"
    else
      file;
  cluster = said.name or "cluster";
  controlPlanes = said.controlPlane or [ ];
  machines = controlPlanes ++ (said.workers or [ ]);
  # The gateway of the older design, where machines are in its network.
  isAtGateway =
    machines != [ ] && lib.all (machine: lib.hasPrefix "192.168.1." (machine.ip or "")) machines;
  member =
    role: machine:
    lib.nameValuePair machine.name {
      inherit role;
      inherit (machine) name ip;
      node = "metal";
      nixosModules = modules;
    };
in
{
  nodes.metal = {
    network = {
      interface = "eth0";
      dhcp = false;
      prefixLength = 24;
      nameservers = [ "8.8.8.8" ];
    }
    // lib.optionalAttrs isAtGateway { gateway = "192.168.1.1"; }
    // network;
    install = {
      inherit disk;
      profile = "thin";
      bootSize = "512M";
      rootSize = "10G";
    };
  };
  clusters.${cluster} = {
    inherit version;
    distribution = "k3s";
    provisioner = "nixos-anywhere";
    members = lib.listToAttrs (
      map (member "control-plane") controlPlanes ++ map (member "worker") (said.workers or [ ])
    );
  }
  // lib.optionalAttrs (said ? vip) {
    ha = {
      inherit (said) vip;
      mode = "keepalived";
      interface = network.interface or "eth0";
      # That of the older design, which its running clusters use.
      vrrpId = 51;
    }
    // lib.optionalAttrs (controlPlanes != [ ]) { firstServer = (builtins.head controlPlanes).name; };
  };
  provisioning.nixos-anywhere.ssh.user = "root";
}
