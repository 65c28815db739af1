# Images that install machines, and look at them.
{
  lib,
  t,
  nixpkgs,
  disko,
  ...
}:
let
  first = checks: lib.findFirst (check: check != null) null checks;
  images = import ../../provisioners;
  machine = (import ../../lib/machine.nix { inherit nixpkgs disko lib; }).system;
  key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExample ops";
  all = t.nix8s.systems {
    document = t.document {
      member = {
        ssh.authorizedKeys = [ key ];
        network = {
          dhcp = false;
          mac = "aa:bb:cc:dd:ee:01";
        };
      };
      provisioning = {
        nixos-anywhere = { };
        iso.admin = {
          user = "admin";
          authorizedKeys = [ key ];
        };
      };
    };
  };
  cluster = all.fleet.clusters.c;
  arguments = {
    _module.args = {
      nix8sPackage = nixpkgs.legacyPackages.x86_64-linux.hello;
      nix8sTarget = all.nixosConfigurations.c-m;
    };
  };
  of =
    image: arguments:
    (machine {
      inherit (all) fleet;
      inherit cluster;
      node = cluster.machines.c-m;
      instead = [
        images.${image}
        arguments
      ];
    }).config;
  discovery =
    arguments:
    (nixpkgs.lib.nixosSystem {
      modules = [
        images.discovery
        { nixpkgs.hostPlatform = "x86_64-linux"; }
        arguments
      ];
    }).config;
  configs = {
    installer = of "installer" arguments;
    iso = of "iso" arguments;
    discovery = discovery (lib.recursiveUpdate arguments { _module.args.nix8sKeys = [ key ]; });
  };
  each =
    name: check:
    lib.mapAttrs' (image: config: lib.nameValuePair "${name}: ${image}" (check config)) configs;

  built =
    config: attributes:
    first (map (name: t.holds "has ${name}" (config.system.build.${name}.drvPath != "")) attributes);
  passwords = [
    "hashedPassword"
    "initialHashedPassword"
    "initialPassword"
    "password"
  ];
in
each "X-07: nobody gets in without a key" (
  config:
  let
    inherit (config.services.openssh) settings;
    open = builtins.filter (user: lib.any (key: config.users.users.${user}.${key} == "") passwords) (
      builtins.attrNames config.users.users
    );
  in
  first [
    (t.equal open [ ])
    (t.equal config.users.users.root.hashedPassword "!")
    (t.equal settings.PasswordAuthentication false)
    (t.equal settings.PermitRootLogin "prohibit-password")
    (t.equal config.services.getty.autologinUser null)
    (t.holds "with a key" (builtins.elem key config.users.users.root.openssh.authorizedKeys.keys))
    (t.equal (builtins.attrNames (lib.filterAttrs (_: user: user.isNormalUser) config.users.users)) (
      builtins.filter (_: config.system.build ? isoImage) [ "admin" ]
    ))
  ]
)
// each "images/nix8s knows it for an installer" (
  config: t.equal config.system.nixos.variant_id "nix8s-installer"
)
// each "images/what is installed travels along" (
  config:
  let
    target = all.nixosConfigurations.c-m.config.system.build;
  in
  t.equal
    (map (path: path.drvPath) (
      builtins.filter (
        path:
        builtins.elem path.drvPath [
          target.toplevel.drvPath
          target.diskoScript.drvPath
        ]
      ) (builtins.filter (path: path ? drvPath) config.system.extraDependencies)
    ))
    [
      target.toplevel.drvPath
      target.diskoScript.drvPath
    ]
)
// each "images/nix8s tells what it found" (
  config:
  t.contains config.systemd.services.nix8s-discover.serviceConfig.ExecStart "nix8s on-node discover"
)
// {
  "images/a kernel, an initrd and a script of iPXE: installer" = built configs.installer [
    "kernel"
    "netbootRamdisk"
    "netbootIpxeScript"
    "toplevel"
  ];
  "images/a kernel, an initrd and a script of iPXE: discovery" = built configs.discovery [
    "kernel"
    "netbootRamdisk"
    "netbootIpxeScript"
    "toplevel"
  ];
  "images/a file for a disc" = first [
    (built configs.iso [
      "isoImage"
      "toplevel"
    ])
    (t.equal configs.iso.isoImage.volumeID "NIX8S-C-M")
    (t.holds "for BIOS and UEFI" (
      configs.iso.isoImage.makeEfiBootable && configs.iso.isoImage.makeUsbBootable
    ))
  ];
  "images/the installer has the machine's network" =
    t.contains configs.installer.systemd.network.units."40-nix8s.network".text
      "MACAddress=aa:bb:cc:dd:ee:01";
  "images/discovery asks for an address everywhere" =
    t.contains configs.discovery.systemd.network.units."40-nix8s.network".text
      "DHCP=yes";
  "images/without nix8s nothing is run" = t.holds "no unit" (
    !((of "installer" { }).systemd.services ? nix8s-discover)
  );
  "images/the list and the folder are one" =
    let
      folder = ../../provisioners;
    in
    t.equal (map baseNameOf (builtins.attrValues images)) (
      builtins.filter (
        name:
        !(builtins.elem name [
          "default.nix"
          "image.nix"
          "netboot.nix"
        ])
      ) (builtins.attrNames (builtins.readDir folder))
    );
}
