# What cases are written with.
{
  nixpkgs,
  disko,
  lib,
}:
let
  nix8s = import ../lib { inherit nixpkgs disko; };
  show = value: builtins.toJSON value;
in
rec {
  inherit nix8s;

  # A machine that boots and lacks nothing, in a cluster of its own, with some things said otherwise: what `of` takes.
  # `document { cluster.ha.vip = "10.0.0.10"; member.install.profile = "lvm"; }`
  document =
    {
      member ? { },
      cluster ? { },
      members ? { },
      ...
    }@said:
    removeAttrs said [
      "member"
      "cluster"
      "members"
      "machine"
    ]
    // {
      clusters.c =
        lib.recursiveUpdate {
          distribution = "k3s";
          version = "1.32";
        } cluster
        // {
          members = {
            m = lib.recursiveUpdate {
              role = "control-plane";
              ip = "10.0.0.11";
              install.disk = "/dev/disk/by-id/nvme-system";
              stateVersion = "24.11";
            } member;
          }
          // members;
        };
    };

  # The configuration of the machine `c-m`, or of the one that is named.
  config = said: named said "c-m";
  named = said: name: (nix8s.fromDocument (document said) { }).nixosConfigurations.${name}.config;

  # null: it is as it should be.
  equal = got: wanted: if got == wanted then null else "is ${show got}, and should be ${show wanted}";
  holds = what: truth: if truth then null else what;
  contains =
    text: part: if lib.hasInfix part text then null else "${show part} is not in ${show text}";
  lacks = text: part: if lib.hasInfix part text then "${show part} is in ${show text}" else null;

  # What a system is refused for; an assertion says it, or evaluating throws (then what it says cannot be seen from inside).
  refusals =
    said:
    map (assertion: assertion.message) (
      builtins.filter (a: !a.assertion) (named said (said.machine or "c-m")).assertions
    );
  refuses =
    said: part:
    let
      messages = refusals said;
    in
    if lib.any (lib.hasInfix part) messages then
      null
    else
      "no assertion says ${show part}; what fires: ${show messages}";
  throws =
    value:
    if (builtins.tryEval (builtins.deepSeq value true)).success then
      "evaluates, and should not"
    else
      null;
  warns =
    said: part:
    let
      inherit (config said) warnings;
    in
    if lib.any (lib.hasInfix part) warnings then
      null
    else
      "no warning says ${show part}: ${show warnings}";

  # The machine as a worker, beside a control plane.
  worker =
    said:
    {
      member.role = "worker";
      members.cp = {
        role = "control-plane";
        ip = "10.0.0.12";
        install.disk = "/dev/disk/by-id/nvme-system";
        stateVersion = "24.11";
      };
    }
    // said;

  # A disk as disko describes it, with a boot partition and a root file system: what users lay out themselves.
  ownDisk = device: {
    type = "disk";
    inherit device;
    content = {
      type = "gpt";
      partitions = {
        ESP = {
          size = "1G";
          type = "EF00";
          content = {
            type = "filesystem";
            format = "vfat";
            mountpoint = "/boot";
          };
        };
        root = {
          size = "100%";
          content = {
            type = "filesystem";
            format = "ext4";
            mountpoint = "/";
          };
        };
      };
    };
  };

  # It evaluates as a whole, with all assertions.
  evaluates =
    said: if (config said).system.build.toplevel.drvPath != "" then null else "has no derivation";
}
