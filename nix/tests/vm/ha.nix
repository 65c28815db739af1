# Three control planes with a vip that keepalived moves, and a worker: it moves when the machine that has it dies, and all that are left
# stay Ready.
{
  lib,
  pkgs,
  nix8s,
  machine,
  ...
}:
let
  vip = "192.168.1.100";
  # In this order the test gives addresses to machines.
  names = [
    "cp1"
    "cp2"
    "cp3"
    "w1"
  ];
  role = name: if lib.hasPrefix "cp" name then "control-plane" else "worker";
  ips = lib.listToAttrs (
    lib.imap1 (place: name: lib.nameValuePair name "192.168.1.${toString place}") names
  );
  inherit
    (nix8s.systems {
      document.clusters.ha = {
        version = lib.versions.majorMinor pkgs.k3s.version;
        ha = {
          inherit vip;
          mode = "keepalived";
          interface = "eth1";
        };
        members = lib.genAttrs names (name: {
          inherit name;
          role = role name;
          ip = ips.${name};
          network = {
            interface = "eth1";
            dhcp = false;
          };
          install.enable = false;
          stateVersion = lib.trivial.release;
        });
      };
    })
    fleet
    ;
  cluster = fleet.clusters.ha;

  # There is no registry to ask.
  offline =
    { pkgs, ... }:
    {
      services.k3s.images = [ (pkgs.k3s.airgap-images or pkgs.k3s.airgapImages) ];
    };

  # A test hands the same arguments to all machines, so that which machine it is comes as a module argument; profiles need it earlier.
  node = name: {
    imports = [
      ../../nixos
      offline
    ]
    ++ builtins.filter (module: module != ../../profiles) (
      machine.modules {
        inherit cluster;
        node = cluster.machines.${name};
      }
    );
    _module.args = {
      node = cluster.machines.${name};
      nix8s = {
        inherit cluster;
        node = cluster.machines.${name};
        member = cluster.machines.${name};
      };
    };
    virtualisation = {
      cores = 2;
      memorySize = 2048;
      diskSize = 8192;
    };
  };

  # What nix8s puts there when it is a machine's turn.
  membership = pkgs.writeText "membership.json" (
    builtins.toJSON {
      version = 1;
      port = 6443;
      inherit vip;
      hosts = map (name: {
        inherit name;
        ip = ips.${name};
        role = role name;
      }) names;
    }
  );
in
{
  name = "nix8s-ha";
  node.specialArgs = { inherit fleet cluster; };
  nodes = lib.genAttrs names node;

  testScript = ''
    kubectl = "k3s kubectl --request-timeout=10s"
    servers = [cp1, cp2, cp3]

    def turn(machine, line):
        machine.succeed("install -d -m 0700 /var/lib/nix8s/secrets")
        if machine in servers:
            machine.succeed("(umask 077; echo the-server-token >/var/lib/nix8s/secrets/token)")
        machine.succeed("(umask 077; echo the-agent-token >/var/lib/nix8s/secrets/agent-token)")
        machine.succeed("cp ${membership} /var/lib/nix8s/membership.json")
        machine.succeed(f"echo '{line}' >/var/lib/nix8s/k3s.yaml")

    def has_vip(machine):
        return "${vip}/32" in machine.succeed("ip -brief address show dev eth1")

    start_all()
    for machine in [*servers, w1]:
        machine.wait_for_unit("multi-user.target")
        # Nothing begins before it is asked to.
        machine.fail("systemctl is-active k3s.service")

    turn(cp1, "cluster-init: true")
    cp1.wait_for_unit("k3s.service")
    cp1.wait_until_succeeds("ip -brief address show dev eth1 | grep --fixed-strings ${vip}/32")

    for machine in [cp2, cp3, w1]:
        turn(machine, "server: https://${vip}:6443")
        machine.wait_for_unit("k3s.service")
    for name in ["cp1", "cp2", "cp3", "w1"]:
        cp1.wait_until_succeeds(f"{kubectl} wait --for=condition=Ready node/{name} --timeout=10s")

    w1.succeed("getent hosts cp2 | grep --fixed-strings ${ips.cp2}")
    w1.succeed("curl --silent --fail --insecure https://${vip}:6443/ping")

    holders = [machine for machine in servers if has_vip(machine)]
    assert len(holders) == 1, holders
    holders[0].crash()

    left = [machine for machine in servers if machine != holders[0]]
    w1.wait_until_succeeds("curl --silent --fail --insecure --max-time 3 https://${vip}:6443/ping")
    assert len([machine for machine in left if has_vip(machine)]) == 1
    left[0].wait_until_succeeds(f"{kubectl} get --raw /readyz")
    left[0].succeed(f"{kubectl} wait --for=condition=Ready node/w1 --timeout=60s")
  '';
}
