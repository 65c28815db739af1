# A program that prints the interface that is to carry the vip: the one that the document names for it, else the one that has the
# machine's address. It fails while there is none.
{
  lib,
  pkgs,
  cluster,
  node,
  config,
}:
let
  inherit (cluster.ha) interface;
  arguments = lib.concatStringsSep " " (
    lib.mapAttrsToList (name: value: "--arg ${name} ${lib.escapeShellArg (toString value)}") {
      inherit (config.nix8s.node) ip interface;
      mac = lib.mapNullable lib.toLower node.network.mac;
    }
  );
  # A bond has the MAC address of its first interface, and the addresses: so the address says most.
  best = pkgs.writeText "interface.jq" ''
    map(select(.ifname != "lo") | . + { points: (
      (if any(.addr_info[]?; .local == $ip) then 8 else 0 end)
      + (if .address == $mac then 2 else 0 end)
      + (if .ifname == $interface then 2 else 0 end)
      + (if any(.addr_info[]?; .scope == "global") then 1 else 0 end)
    ) })
    | map(select(.points >= 2)) | max_by(.points) | .ifname // empty
  '';
in
pkgs.writeShellScript "nix8s-interface" (
  if interface != null then
    "echo ${lib.escapeShellArg interface}"
  else
    ''
      set -eu
      PATH=${
        lib.makeBinPath [
          pkgs.iproute2
          pkgs.jq
        ]
      }
      found=$(ip -json address show | jq --raw-output ${arguments} --from-file ${best})
      if [ -z "$found" ]; then found=$(ip -json route show default | jq --raw-output '.[0].dev // empty'); fi
      [ -n "$found" ]
      echo "$found"
    ''
)
