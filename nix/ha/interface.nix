# Which interface carries the machine's address: its name where somebody gave one, else a program that finds it.
{
  lib,
  pkgs,
  cluster,
  node,
  config,
}:
let
  named =
    if cluster.ha.interface != null then cluster.ha.interface else config.nix8s.node.interface;
  # A bond has the MAC address of its first interface, and the addresses: so what has an address goes first.
  best = pkgs.writeText "interface.jq" ''
    map(select(.ifname != "lo") | . + { points: (
      (if any(.addr_info[]?; .local == $ip) then 4 else 0 end)
      + (if .address == $mac then 2 else 0 end)
      + (if any(.addr_info[]?; .scope == "global") then 1 else 0 end)
    ) })
    | map(select(.points >= 2)) | max_by(.points) | .ifname // empty
  '';
  arg = value: lib.escapeShellArg (if value == null then "" else value);
in
{
  # Null: only the machine knows.
  inherit named;

  # Prints it; fails when there is none yet.
  program =
    if named != null then
      pkgs.writeShellScript "nix8s-interface" "echo ${lib.escapeShellArg named}"
    else
      pkgs.writeShellScript "nix8s-interface" ''
        set -eu
        PATH=${
          lib.makeBinPath [
            pkgs.iproute2
            pkgs.jq
          ]
        }
        found=$(ip -json address show | jq -r --arg mac ${arg (lib.mapNullable lib.toLower node.network.mac)} --arg ip ${arg config.nix8s.node.ip} -f ${best})
        if [ -z "$found" ]; then found=$(ip -json route show default | jq -r '.[0].dev // empty'); fi
        [ -n "$found" ]
        echo "$found"
      '';
}
