# The document as options.
{
  lib,
  t,
  nixpkgs,
  flake-parts,
  self,
  ...
}:
let
  # A flake of a user, with its modules.
  flake =
    modules:
    flake-parts.lib.mkFlake
      {
        inputs = {
          inherit nixpkgs;
          self = { };
        };
        self = { };
      }
      {
        imports = [
          self.flakeModules.core
          self.flakeModules.outputs
          self.flakeModules.systems
        ]
        ++ modules;
      };
  minimal =
    { config, ... }:
    {
      nix8s.nodes.standard = {
        network.mac = "aa:bb:cc:dd:ee:01";
        install.disk = "/dev/sda";
        x-rack.row = 1;
      };
      nix8s.clusters.dev = {
        k3s.version = "v1.31.0+k3s1";
        ha.enable = false;
        members = {
          server = {
            # As well as by its name.
            node = config.nix8s.nodes.standard;
            role = "server";
            ip = "192.168.1.10";
          };
          agent = {
            node = "standard";
            role = "agent";
            ip = "192.168.1.20";
          };
        };
      };
      nix8s.provisioning.nixos-anywhere.ssh.user = "root";
    };
  more =
    { lib, ... }:
    {
      nix8s.x-rows = [ 1 ];
      nix8s.nodes.standard.boot.kernelParams = [ "quiet" ];
      nix8s.clusters.dev.members.agent.nixosModules = [
        { networking.domain = lib.mkForce "of.the.user"; }
      ];
      nix8s.nixosModulesFor.dev-agent = [ { networking.domain = "of.an.extension"; } ];
    };
  dev = flake [
    minimal
    more
  ];
  refused =
    module:
    t.throws
      (flake [
        minimal
        module
      ]).nix8s;
in
{
  "v0.6: a flake gives its machines" =
    t.equal (builtins.attrNames dev.nix8sBuilds.dev."v1.31.0+k3s1")
      [
        "dev-agent"
        "dev-server"
      ];
  "names of images are made of the machine's" = t.holds "one is missing" (
    lib.all (name: dev.nixosConfigurations ? ${name}) [
      "dev-agent-installer"
      "dev-agent-iso"
      "dev-agent-minimal"
      "dev-discovery"
    ]
  );
  "what nobody sets is not in the document" =
    t.equal (builtins.attrNames dev.nix8s.clusters.dev.members.agent)
      [
        "ip"
        "node"
        "role"
      ];
  "a template may be referred to by its value" =
    t.equal dev.nix8s.clusters.dev.members.server.node.network.mac "aa:bb:cc:dd:ee:01";
  "several modules make one template" = t.equal dev.nix8s.nodes.standard.boot.kernelParams [
    "quiet"
  ];
  "keys of others pass" = t.equal dev.nix8s.nodes.standard.x-rack.row 1;
  "keys of others pass beside the first keys too" = t.equal dev.nix8s.x-rows [ 1 ];
  "keys of others pass in documents" =
    t.equal (t.nix8s.fromDocument { x-rows = [ 1 ]; } { }).nix8s.x-rows
      [ 1 ];
  "the user's modules have the last word" =
    t.equal dev.nixosConfigurations.dev-agent.config.networking.domain "of.the.user";
  "modules of extensions come before them" =
    t.equal dev.nixosConfigurations.dev-agent.config.networking.hostName "dev-agent";
  "a mistyped key is refused" = refused { nix8s.nodes.standard.installl.disk = "/dev/sda"; };
  "a mistyped first key is refused" = refused { nix8s.cluster.dev = { }; };
  "a wrong word is refused" = refused { nix8s.nodes.standard.role = "master"; };
  "a number out of bounds is refused" = refused {
    nix8s.nodes.standard.network.prefixLength = 64000;
  };
  "a version that Nix would cut is refused" = refused { nix8s.clusters.dev.version = 1.30; };
}
