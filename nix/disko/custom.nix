# The layout that the document has under `disko`, as it stands there.
{ config, ... }:
{
  disko = if config.nix8s.disko == null then { } else config.nix8s.disko;
}
