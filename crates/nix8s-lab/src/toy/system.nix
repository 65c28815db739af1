# One machine's system.
{ system, name, version, machine }:
let
  # What `fleet.json` may say of a machine.
  defaults = {
    release = "26.05";
    kernel = "6.12";
    kernelParameters = "";
    # Systemd units by name, each started with the system.
    units = { };
    # Shell text that is run when the system is activated.
    activation = "";
    # What switch-to-configuration ends with: an exit status, or "hang".
    exit = "0";
    # "server" or "agent".
    k3s = null;
    # Files of `programs/` that are in the system.
    programs = [ ];
  };
  unknown = builtins.attrNames (builtins.removeAttrs machine (builtins.attrNames defaults));
  wanted = if unknown == [ ] then defaults // machine else throw "${name}: no such settings: ${toString unknown}";

  # A file by itself: the system is the same whatever else is in the flake.
  file = path: builtins.path { inherit path; name = baseNameOf path; };
  # As k3s says it: 1.34 and v1.34.2 are v1.34.0+k3s1 and v1.34.2+k3s1.
  k3sVersion =
    let
      number = builtins.head (builtins.match "v?([0-9.]+).*" version);
      isMinor = builtins.match "[0-9]+[.][0-9]+" number != null;
    in
    if wanted.k3s == null then null else "v${number}${if isMinor then ".0" else ""}+k3s1";
  build = what: environment: derivation ({
    name = what;
    inherit system;
    builder = "/bin/sh";
    PATH = "/usr/bin:/bin";
  } // environment);
  part = what: content: build what { args = [ "-euc" "echo \"$content\" > $out" ]; inherit content; };
  digest = value: builtins.substring 0 16 (builtins.hashString "sha256" (builtins.toJSON value));

  kernel = part "linux-${wanted.kernel}" wanted.kernel;
  initrd = part "initrd-linux-${wanted.kernel}" wanted.kernel;
  unit = name: text: builtins.toFile name text;
  k3s = if wanted.k3s == null then { } else {
    "k3s.path" = builtins.readFile ./k3s.path;
    "k3s.service" = builtins.replaceStrings [ "@role@" ] [ wanted.k3s ] (builtins.readFile ./k3s.service);
  };
  ours = { "nix8s-switch.service" = builtins.readFile ./nix8s-switch.service; };
  units = builtins.mapAttrs unit (wanted.units // k3s // ours);

  parts = {
    kernel = digest [ wanted.kernel wanted.kernelParameters ];
    initrd = digest wanted.kernel;
    kubernetes = digest [ wanted.k3s k3sVersion ];
    disks = digest "";
    network = digest "";
    rest = digest (builtins.removeAttrs wanted [ "kernel" "kernelParameters" "k3s" ]);
  };
in
{
  inherit parts;
  version = k3sVersion;
  toplevel = build "nixos-system-${name}-${wanted.release}" {
    args = [ "-eu" (file ./build.sh) ];
    inherit kernel initrd;
    # Systems without Kubernetes are the same at every version of it.
    version = if wanted.k3s == null then "" else k3sVersion;
    inherit (wanted) release activation exit kernelParameters;
    hostname = name;
    facts = builtins.toJSON { inherit parts; version = k3sVersion; };
    unitNames = builtins.attrNames units;
    unitFiles = builtins.attrValues units;
    programs = map (program: file (./programs + "/${program}")) wanted.programs;
    k3s = if wanted.k3s == null then "" else file ./k3s.sh;
    k3sEtcd = file ./k3s-etcd.sh;
    activate = file ./activate.sh;
    init = file ./init.sh;
    switch = file ./switch-to-configuration.sh;
  };
}
