# What a document means: every cluster and machine, with every default, under today's keys. Modules are handed this and
# never compute it again. The defaults are those of Rust (crates/nix8s-core/src/input/fleet), and a test compares them.
{ lib }:
let
  resolve = import ./resolve.nix { inherit lib; };
  older = import ./older.nix { inherit lib; };
  addresses = import ./addresses.nix { inherit lib; };

  # A default wherever nothing is said; maps are filled key by key.
  over =
    defaults: said:
    defaults
    // lib.mapAttrs (
      key: value:
      if value == null then
        defaults.${key} or null
      else if resolve.isMap value && resolve.isMap (defaults.${key} or null) then
        over defaults.${key} value
      else
        value
    ) said;

  present = lib.filterAttrs (name: value: value != null && !(lib.hasPrefix "x-" name));

  # 1.34.2 and v1.34.2 are one version; a minor release alone is written without the v.
  version = rec {
    read =
      path: written:
      let
        parts = builtins.match "v?([0-9]+)[.]([0-9]+)([.]([0-9]+)([+]([0-9A-Za-z.]+))?)?" written;
        part = builtins.elemAt parts;
      in
      if parts == null then
        throw "${path}: ${builtins.toJSON written} is not a Kubernetes version such as 1.34 or v1.34.1"
      else
        {
          minor = "${part 0}.${part 1}";
          # Null: any.
          patch = part 3;
          text =
            if part 3 == null then
              "${part 0}.${part 1}"
            else
              "v${part 0}.${part 1}.${part 3}${lib.optionalString (part 5 != null) "+${part 5}"}";
        };
    default = "1.34";
  };

  # The first two hexadecimal digits of the name's SHA-256, from 1 to 255.
  vrrpId =
    name: lib.max 1 (lib.fromHexString (builtins.substring 0 2 (builtins.hashString "sha256" name)));

  machineDefaults = {
    system = "x86_64-linux";
    network = {
      mac = null;
      interface = null;
      dhcp = true;
      prefixLength = 24;
      gateway = null;
      nameservers = [ ];
      vlans = { };
      bonds = { };
    };
    extensions = {
      drbd = {
        enable = false;
        devices = [ ];
      };
      gpu = {
        enable = false;
        vendor = "nvidia";
        package = "stable";
        containerRuntime = true;
      };
      zfs = {
        enable = false;
        hostId = null;
      };
      monitoring = {
        enable = false;
        nodeExporter = true;
      };
      storage.enable = false;
      linstor = null;
    };
    boot = {
      loader = null;
      kernelParams = [ ];
      kernelModules = [ ];
    };
    hardware.cpu = {
      vendor = null;
      updateMicrocode = true;
    };
    profiles = [ ];
    kubernetes = {
      labels = { };
      taints = [ ];
      annotations = { };
    };
    nixos = { };
    nixosModules = [ ];
    stateVersion = null;
    disko = null;
  };

  installDefaults = {
    disks = {
      main = null;
      etcd = null;
      data = [ ];
    };
    profile = "simple";
    bootSize = "1G";
    swapSize = null;
    rootSize = null;
    filesystem = {
      type = "ext4";
      options = [ ];
    };
    encryption = {
      enable = false;
      keyFile = null;
    };
  };

  sshDefaults = {
    port = 22;
    user = "root";
    sudo = "none";
    keyFile = null;
    jump = null;
    hostKey = null;
    authorizedKeys = [ ];
    rootLogin = "key";
  };

  # MAC addresses that more than one machine would have, because they stand on a template: they are nobody's.
  shared =
    document:
    let
      macs = lib.flatten (
        lib.mapAttrsToList (
          cluster: said:
          lib.mapAttrsToList (
            member: written:
            let
              settings = resolve.member (present (
                document.nodes or { }
              )) "clusters.${cluster}.members.${member}" written;
              mac = settings.network.mac or null;
            in
            lib.optional (mac != null) (lib.toLower mac)
          ) (present (said.members or { }))
        ) (present (document.clusters or { }))
      );
    in
    lib.filterAttrs (_: uses: builtins.length uses > 1) (lib.groupBy lib.id macs);

  machine =
    document: shared: cluster: clusterName: member: written:
    let
      path = "clusters.${clusterName}.members.${member}";
      whole = resolve.member (present (document.nodes or { })) path written;
      settings =
        if shared ? ${lib.toLower (toString (whole.network.mac or ""))} then
          whole // { network = removeAttrs whole.network [ "mac" ]; }
        else
          whole;
      configured = builtins.attrNames (present (document.provisioning or { }));
      provisioner =
        if (written.provisioner or null) != null then
          written.provisioner
        else if (cluster.provisioner or null) != null then
          cluster.provisioner
        else if builtins.length configured == 1 then
          builtins.head configured
        else if configured == [ ] || builtins.elem "nixos-anywhere" configured then
          "nixos-anywhere"
        else
          throw "${path}: several provisioners are configured; name one under provisioner: ${lib.concatStringsSep ", " configured}";
      ip = written.ip or null;
      install = settings.install or { };
      custom = (settings.disko or null) != null;
      disko =
        if !custom then
          null
        else if settings.disko ? devices then
          settings.disko
        else
          { devices = settings.disko; };
    in
    over machineDefaults (removeAttrs settings [ "install" ])
    // {
      inherit member provisioner disko;
      name = written.name or "${clusterName}-${member}";
      cluster = clusterName;
      # The address is written, or somebody finds it.
      ip = if ip == "auto" then null else ip;
      # Null: what lies on the disks is not ours.
      install =
        if (install.enable or true) == false then
          null
        else
          over installDefaults (removeAttrs install [ "enable" ])
          // lib.optionalAttrs custom { profile = "custom"; };
      ssh =
        let
          own = over (over sshDefaults (document.provisioning.${provisioner}.ssh or { })) (
            settings.ssh or { }
          );
        in
        own // { host = own.host or (if ip == "auto" then null else ip); };
    };

  haPorts.haproxy = 8443;

  cluster =
    document: shared: versions: name: written:
    let
      path = "clusters.${name}";
      said = over { } written;
      distribution = said.distribution or "k3s";
      configured = version.read "${path}.version" (said.version or version.default);
      # A step on the way to the configured one.
      current = version.read "${path}.version" (versions.${name} or configured.text);
      own = said.${distribution} or { };
      vip = said.ha.vip or null;
      mode =
        said.ha.mode or (
          if vip == null then
            "none"
          else if distribution == "kubeadm" then
            "kube-vip"
          else
            "keepalived"
        );
      serviceCidr = said.network.serviceCidr or "10.43.0.0/16";
      members = present (said.members or { });
      byName = lib.listToAttrs (
        lib.mapAttrsToList (
          member: written:
          let
            node = machine document shared said name member written;
          in
          lib.nameValuePair node.name node
        ) members
      );
      controlPlanes = builtins.attrNames (lib.filterAttrs (_: node: node.role == "control-plane") byName);
      place = node: lib.lists.findFirstIndex (other: other == node.name) null controlPlanes;
      machines = lib.mapAttrs (_: node: node // { index = place node; }) byName;
      wantedFirst = said.ha.firstServer or null;
      namedFirst = builtins.filter (
        other: wantedFirst != null && (other == wantedFirst || machines.${other}.member == wantedFirst)
      ) controlPlanes;
      firstServer =
        if namedFirst != [ ] then
          builtins.head namedFirst
        else if controlPlanes != [ ] then
          builtins.head controlPlanes
        else
          null;
      port = said.ha.port or (haPorts.${mode} or 6443);
      firstIp = if firstServer == null then null else machines.${firstServer}.ip;
      address = if mode != "none" && vip != null then vip else firstIp;
      bracketed = ip: if lib.hasInfix ":" ip then "[${ip}]" else ip;
    in
    over {
      domain = null;
      clusterDomain = "cluster.local";
      secrets = {
        provider = "age";
        file = "secrets/${name}.yaml";
        encryptionAtRest = false;
      };
      pki = {
        external = false;
        caCert = null;
        caKey = null;
      };
      etcd.snapshot = {
        interval = null;
        retention = 5;
        dir = null;
        s3 = null;
      };
      cozystack = {
        enable = said ? cozystack && said.cozystack != { };
        host = null;
        version = "latest";
        variant = "isp-full-generic";
        network = {
          podCidr = null;
          serviceCidr = null;
          joinCidr = "100.64.0.0/16";
        };
        maxPods = 220;
        autoBootstrap = true;
      };
      linstor = {
        enable = false;
        storage = {
          poolName = "data";
          type = "lvm";
        };
      };
      metallb.enable = false;
    } (removeAttrs said [ "members" ])
    // {
      inherit name distribution machines;
      inherit (current) minor patch;
      version = current.text;
      configured = configured.text;
      network = {
        podCidr = said.network.podCidr or "10.42.0.0/16";
        inherit serviceCidr;
        clusterDns = said.network.clusterDns or (addresses.at "${path}.network.clusterDns" 10 serviceCidr);
        mesh = said.network.mesh or "none";
      };
      ha = {
        inherit mode port firstServer;
        vip = if mode == "none" then null else vip;
        interface = said.ha.interface or null;
        vrrpId = said.ha.vrrpId or (vrrpId name);
      };
      extraArgs = {
        control-plane = own.extraArgs.control-plane or [ ];
        worker = own.extraArgs.worker or [ ];
      };
      disable = own.disable or [ ];
      config = own.config or { };
      apiServerAddresses = own.apiServerAddresses or [ ];
      package = own.package or null;
      # Where machines join, and kubeconfigs point.
      endpoint = if address == null then null else "${bracketed address}:${toString port}";
    };
in
{
  inherit version;

  # `versions`: for clusters on the way to another version, the one to build now.
  fleet =
    {
      document,
      versions ? { },
    }:
    let
      today = older document;
    in
    {
      inherit document;
      clusters = lib.mapAttrs (cluster today (shared today) versions) (present (today.clusters or { }));
      users = present (today.users or { });
      nixpkgs = today.nixpkgs or null;
    };
}
