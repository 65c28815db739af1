# The machine's address, bonds and VLANs, as systemd-networkd reads them.
{ lib, t, ... }:
let
  network = network: { member = { inherit network; }; };
  unit = said: name: (t.config said).systemd.network.units.${name}.text;
  main = said: unit said "40-nix8s.network";
  first = checks: lib.findFirst (check: check != null) null checks;
  static = {
    dhcp = false;
    mac = "aa:bb:cc:dd:ee:01";
    gateway = "10.0.0.1";
    nameservers = [
      "10.0.0.1"
      "9.9.9.9"
    ];
  };
  bond = {
    interfaces = [
      "eno1"
      "eno2"
    ];
    mode = "802.3ad";
    options = {
      miimon = "50";
      lacp_rate = "fast";
      xmit_hash_policy = "layer3+4";
      min_links = "1";
    };
  };
in
{
  "network/DHCP on whatever is hardware, where nothing is said" =
    let
      text = main { };
    in
    first [
      (t.contains text "Type=ether")
      (t.contains text "Kind=!*")
      (t.contains text "DHCP=yes")
      (t.holds "no DHCP client beside networkd" (
        !(t.config { }).networking.dhcpcd.enable || !(t.config { }).networking.useDHCP
      ))
    ];
  "network/a static address by MAC" =
    let
      text = main (network static);
    in
    first [
      (t.contains text "MACAddress=aa:bb:cc:dd:ee:01")
      (t.contains text "Kind=!*")
      (t.contains text "DHCP=no")
      (t.contains text "Address=10.0.0.11/24")
      (t.contains text "Gateway=10.0.0.1")
      (t.contains text "DNS=10.0.0.1\nDNS=9.9.9.9")
      (t.evaluates (network static))
    ];
  "X-18: a static address by the name of the interface" = t.contains (main (network {
    dhcp = false;
    interface = "eno1";
    prefixLength = 20;
  })) "Name=eno1";
  "network/a prefix length is honoured" = t.contains (main (
    network (static // { prefixLength = 20; })
  )) "Address=10.0.0.11/20";
  "network/an IPv6 address" = t.contains (main {
    member = {
      ip = "2001:db8::11";
      network = static // {
        prefixLength = 64;
        gateway = "2001:db8::1";
      };
    };
  }) "Address=2001:db8::11/64";
  "network/what is written counts more than DHCP" =
    let
      text = main (network {
        gateway = "10.0.0.1";
        nameservers = [ "9.9.9.9" ];
      });
    in
    first [
      (t.contains text "UseDNS=false")
      (t.contains text "UseGateway=false")
      (t.contains text "Gateway=10.0.0.1")
    ];
  "network/nobody says which interface" =
    t.refuses (network { dhcp = false; })
      "clusters.c.members.m.network: with dhcp: false somebody has to say which interface gets 10.0.0.11";
  "network/no address at all" = t.refuses {
    member = {
      ip = "auto";
      network.dhcp = false;
    };
  } "network.dhcp: it is false, and there is no address";

  "network/a bond has the machine's address" =
    let
      said = network (
        removeAttrs static [ "mac" ]
        // {
          interface = "eno1";
          bonds.bond0 = bond // {
            addresses = [ "10.0.100.10/24" ];
          };
          vlans.storage = {
            id = 200;
            interface = "bond0";
            addresses = [ "10.0.200.10/24" ];
          };
        }
      );
      text = main said;
      made = unit said "20-bond0.netdev";
    in
    first [
      (t.evaluates said)
      (t.contains text "Name=bond0")
      (t.contains text "Address=10.0.0.11/24")
      (t.contains text "Address=10.0.100.10/24")
      (t.contains text "VLAN=storage")
      (t.contains (unit said "30-eno1.network") "Bond=bond0")
      (t.contains (unit said "30-eno2.network") "Bond=bond0")
      (t.contains (unit said "20-storage.netdev") "Id=200")
      (t.contains (unit said "30-storage.network") "Address=10.0.200.10/24")
      (t.contains made "Mode=802.3ad")
      (t.contains made "MIIMonitorSec=50ms")
      (t.contains made "LACPTransmitRate=fast")
      (t.contains made "TransmitHashPolicy=layer3+4")
      (t.contains made "MinLinks=1")
    ];
  "network/the only bond, where no interface is said" = t.contains (main (network {
    bonds.bond0 = bond;
  })) "Name=bond0";
  "network/several bonds" = t.refuses (network {
    bonds = {
      bond0 = bond;
      bond1.interfaces = [ "eno3" ];
    };
  }) "network.interface: there are several bonds";
  "network/an interface in two bonds" = t.refuses (network {
    interface = "bond0";
    bonds = {
      bond0 = bond;
      bond1.interfaces = [ "eno1" ];
    };
  }) "network.bonds: eno1 is part of two bonds";
  "network/a bond of nothing" = t.refuses (network {
    bonds.bond0.mode = "802.3ad";
  }) "network.bonds.bond0.interfaces: a bond without interfaces";
  "network/an option that no bond has" = t.refuses (network {
    bonds.bond0 = bond // {
      options.mimon = "100";
    };
  }) "network.bonds.bond0.options: mimon is no option";
  "network/a VLAN on an interface of its own" =
    let
      said = network {
        vlans.storage = {
          id = 200;
          interface = "eno9";
          addresses = [ "10.0.200.10/24" ];
        };
      };
    in
    first [
      (t.contains (unit said "30-eno9.network") "VLAN=storage")
      (t.lacks (main said) "VLAN")
    ];
  "network/a VLAN on the interface with the MAC address" = t.contains (main (
    network (static // { vlans.storage.id = 200; })
  )) "VLAN=storage";
  "network/a VLAN on nothing" = t.refuses (network {
    vlans.storage.id = 200;
  }) "network.vlans: storage must lie on an interface";
  "network/a VLAN without a number" = t.refuses (network {
    vlans.storage.interface = "eno1";
  }) "network.vlans.storage.id: a VLAN needs a number";

  "network/eth0 is a name where nothing else names" =
    let
      said = network {
        dhcp = false;
        interface = "eth0";
      };
    in
    first [
      (t.equal (t.config said).networking.usePredictableInterfaceNames false)
      (t.warns said "eth0 is a name that the kernel gives")
    ];
  "network/other names stay" =
    t.equal
      (t.config (network {
        interface = "eno1";
      })).networking.usePredictableInterfaceNames
      true;

  "network/a machine without network boots" =
    let
      inherit ((t.config { }).systemd.network) wait-online;
    in
    first [
      (t.equal wait-online.timeout 60)
      (t.equal wait-online.anyInterface true)
    ];
  "network/the cluster's address stays when networkd starts again" =
    let
      vip = role: {
        cluster.ha.vip = "10.0.0.5";
        member = {
          inherit role;
          network = static;
        };
        members.cp = {
          role = "control-plane";
          ip = "10.0.0.12";
          install.disk = "/dev/disk/by-id/nvme-system";
        };
      };
    in
    first [
      (t.contains (main (vip "control-plane")) "KeepConfiguration=static")
      (t.lacks (main (vip "worker")) "KeepConfiguration")
    ];
  "network/routes of others stay" = t.equal (t.config { }).systemd.network.config.networkConfig {
    ManageForeignRoutes = false;
    ManageForeignRoutingPolicyRules = false;
  };

  "network/names" =
    let
      config = t.config { cluster.domain = "k8s.example.com"; };
    in
    first [
      (t.equal config.networking.hostName "c-m")
      (t.equal config.networking.fqdn "c-m.k8s.example.com")
    ];
  "network/the host id follows from the name" =
    let
      id = said: (t.config said).networking.hostId;
    in
    first [
      (t.equal (id { }) (builtins.substring 0 8 (builtins.hashString "sha256" "c-m")))
      (t.equal (id { member.extensions.zfs.hostId = "8425e349"; }) "8425e349")
    ];
}
