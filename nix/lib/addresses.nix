# Arithmetic with IPv4 networks, as far as configurations need it. IPv6: what is not written out is refused.
{ lib }:
let
  toInt =
    text: builtins.foldl' (sum: part: sum * 256 + lib.toIntBase10 part) 0 (lib.splitString "." text);
  power = exponent: if exponent == 0 then 1 else 2 * power (exponent - 1);
  toText =
    number:
    lib.concatMapStringsSep "." (shift: toString (lib.mod (number / power shift) 256)) [
      24
      16
      8
      0
    ];
  parsed =
    path: cidr:
    let
      parts = builtins.match "([0-9]+[.][0-9]+[.][0-9]+[.][0-9]+)/([0-9]+)" cidr;
      length = lib.toIntBase10 (builtins.elemAt parts 1);
      size = power (32 - length);
      address = toInt (builtins.elemAt parts 0);
    in
    if parts == null then
      throw "${path}: ${cidr} is not an IPv4 network; write clusterDns out beside it"
    else
      {
        inherit size;
        first = address - lib.mod address size;
      };
in
{
  # The address at a place in a network; the network's own if it is too small for that.
  at =
    path: place: cidr:
    let
      net = parsed path cidr;
    in
    toText (if place < net.size then net.first + place else net.first);
}
