# What systems come to, as lines that can be read in a diff: units, files, ports, disks, users, kernel. Lines that several machines have
# stand once, below their names.
{ lib }:
let
  inherit (lib) concatMap mapAttrsToList optional;

  # Without the digests and versions of packages, which are nixpkgs's.
  shortened =
    text:
    let
      parts = builtins.split "/nix/store/[0-9a-z]{32}-(([^/ \"]*[^0-9/ \"-])-[0-9][^/ \"]*|([^/ \"]*))" (
        builtins.unsafeDiscardStringContext text
      );
      short =
        part:
        if builtins.isList part then
          let
            plain = builtins.elemAt part 1;
          in
          "<${if plain == null then builtins.head part else plain}>"
        else
          part;
    in
    lib.replaceStrings [ "\n" ] [ "\\n" ] (lib.concatMapStrings short parts);

  words = lib.concatMapStringsSep " " toString;
  listed =
    what: values:
    optional (values != [ ]) "${what}: ${words (lib.naturalSort (lib.unique (map toString values)))}";

  foreign = [
    "k3s"
    "kubelet"
    "containerd"
    "keepalived"
    "haproxy"
    "iscsid"
    "multipathd"
    "prometheus-node-exporter"
  ];
  isOurs = name: builtins.elem name foreign || lib.hasPrefix "nix8s-" name;

  unit =
    kind: name: unit:
    concatMap (key: listed "${name}.${kind} ${key}" (unit.${key} or [ ])) [
      "after"
      "before"
      "requires"
      "wants"
      "wantedBy"
    ]
    ++ listed "${name}.${kind} waits for" (lib.toList (unit.unitConfig.ConditionPathExists or [ ]))
    ++ listed "${name}.${kind} watches" (lib.toList (unit.pathConfig.PathChanged or [ ]))
    ++ concatMap (line: optional (line != null) "${name}.${kind} starts: ${toString line}") (
      lib.toList (unit.serviceConfig.ExecStart or [ ])
    );
  units =
    kind: all:
    lib.concatLists (
      mapAttrsToList (unit kind) (lib.filterAttrs (name: unit: isOurs name && (unit.enable or true)) all)
    );

  # Beside those that every NixOS has.
  files = [
    "cni/"
    "containerd/"
    "crictl.yaml"
    "haproxy.cfg"
    "hosts"
    "iscsi/"
    "keepalived/"
    "kubernetes/"
    "lvm/"
    "multipath.conf"
    "nix8s/"
    "rancher/"
    "systemd/logind.conf.d/"
  ];

  # What disko is told, without what it makes of that.
  layout =
    path: value:
    let
      said = lib.filterAttrs (
        key: _:
        builtins.elem key [
          "destroy"
          "device"
          "format"
          "fsType"
          "level"
          "label"
          "lvm_type"
          "mode"
          "mountOptions"
          "mountpoint"
          "passwordFile"
          "pool"
          "priority"
          "randomEncryption"
          "size"
          "type"
          "vg"
        ]
      ) value;
      text =
        key: value:
        "${key}=${
          if builtins.isList value then
            lib.concatStringsSep "," value
          else if builtins.isBool value then
            lib.boolToString value
          else
            toString value
        }";
      below = lib.concatLists (
        mapAttrsToList (
          key: value:
          if key == "content" && value != null then
            layout path value
          else if
            builtins.elem key [
              "partitions"
              "lvs"
              "datasets"
            ]
          then
            lib.concatLists (mapAttrsToList (name: layout "${path}/${name}") value)
          else
            [ ]
        ) (lib.filterAttrs (key: _: !(lib.hasPrefix "_" key)) value)
      );
    in
    [
      "disks ${path}: ${
        words (mapAttrsToList text (lib.filterAttrs (_: v: v != null && !(builtins.isAttrs v)) said))
      }"
    ]
    ++ below;

  of =
    config:
    let
      inherit (config.networking) firewall;

      user = name: {
        inherit (config.users.users.${name}) extraGroups openssh;
      };
    in
    units "service" config.systemd.services
    ++ units "path" config.systemd.paths
    ++ units "timer" config.systemd.timers
    ++ map (name: "file /etc/${name}") (
      builtins.filter (name: lib.any (ours: lib.hasPrefix ours name) files) (
        builtins.attrNames (lib.filterAttrs (_: file: file.enable) config.environment.etc)
      )
    )
    ++ listed "firewall tcp" firewall.allowedTCPPorts
    ++ listed "firewall udp" firewall.allowedUDPPorts
    ++ listed "firewall tcp from to" (
      map (range: "${toString range.from}-${toString range.to}") firewall.allowedTCPPortRanges
    )
    ++ listed "firewall trusts" firewall.trustedInterfaces
    ++ lib.concatLists (
      mapAttrsToList (kind: all: lib.concatLists (mapAttrsToList (name: layout "${kind}/${name}") all)) (
        lib.filterAttrs (kind: _: !(lib.hasPrefix "_" kind)) config.disko.devices
      )
    )
    ++ mapAttrsToList (
      mountpoint: fs:
      "mount ${mountpoint}: ${toString fs.device} ${fs.fsType} ${lib.concatStringsSep "," fs.options}"
    ) (lib.filterAttrs (_: fs: fs.fsType != "none") config.fileSystems)
    ++ map (swap: "swap ${toString swap.device}") config.swapDevices
    ++ mapAttrsToList (name: _: "encrypted ${name}") config.boot.initrd.luks.devices
    ++
      map
        (
          name:
          "user ${name}: groups ${words (user name).extraGroups}, ${toString (builtins.length (user name).openssh.authorizedKeys.keys)} keys"
        )
        (
          builtins.filter (name: name == "root" || config.users.users.${name}.isNormalUser) (
            builtins.attrNames config.users.users
          )
        )
    ++ listed "ssh ports" config.services.openssh.ports
    ++ [
      "ssh root: ${toString config.services.openssh.settings.PermitRootLogin}"
      "starts by: ${
        if config.boot.loader.systemd-boot.enable then
          "systemd-boot"
        else if config.boot.loader.grub.enable then
          "grub"
        else
          "something else"
      }"
      # Their order counts: the last console is the one that messages go to.
      "kernel parameters: ${words config.boot.kernelParams}"
    ]
    ++ listed "kernel modules" config.boot.kernelModules
    ++ listed "modules beside the kernel's" (map lib.getName config.boot.extraModulePackages)
    ++ listed "file systems" (
      if builtins.isList config.boot.supportedFilesystems then
        config.boot.supportedFilesystems
      else
        builtins.attrNames (lib.filterAttrs (_: on: on) config.boot.supportedFilesystems)
    )
    ++ mapAttrsToList (name: network: "network ${name}: ${builtins.toJSON network}") (
      lib.mapAttrs (_: network: {
        match = network.matchConfig;
        inherit (network)
          address
          bond
          vlan
          ;
        gateway = map (route: route.Gateway or "") network.routes;
        dhcp = network.networkConfig.DHCP or "no";
      }) config.systemd.network.networks
    )
    ++ map (part: "refused: ${part.message}") (
      builtins.filter (part: !part.assertion) config.assertions
    )
    ++ map (text: "warning: ${text}") config.warnings;
in
configurations:
let
  # What is the machine's own, so that machines that differ in nothing else have the same lines.
  general =
    configuration:
    let
      inherit (configuration._module.specialArgs) node;
    in
    lib.replaceStrings
      (
        [
          node.name
          ".members.${node.member}."
        ]
        ++ optional (node.ip != null) node.ip
      )
      (
        [
          "NAME"
          ".members.*."
        ]
        ++ optional (node.ip != null) "ADDRESS"
      );
  lines = lib.mapAttrs (
    _: configuration:
    lib.unique (map (line: general configuration (shortened line)) (of configuration.config))
  ) configurations;
  machines = builtins.attrNames configurations;
  pairs = concatMap (
    machine:
    map (line: {
      name = line;
      value = machine;
    }) lines.${machine}
  ) machines;
  byLine = lib.groupBy (pair: pair.name) pairs;
  groups = lib.groupBy (line: lib.concatStringsSep ", " (map (pair: pair.value) byLine.${line})) (
    builtins.attrNames byLine
  );
  every = lib.concatStringsSep ", " machines;
  names =
    lib.optional (groups ? ${every}) every
    ++ builtins.filter (name: name != every) (builtins.attrNames groups);
in
lib.concatMapStringsSep "\n" (
  name: lib.concatLines ([ "== ${name}" ] ++ lib.sort builtins.lessThan groups.${name})
) names
