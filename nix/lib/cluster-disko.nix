# The kubeadm design's `cozystack.disko` as `install`, or, where it is a layout of one's own, as `disko`; and how its settings are moved.
{ lib }:
let
  # Where a setting stood, and where it stands.
  moved =
    moves: from:
    builtins.foldl' (
      to: move:
      if lib.hasAttrByPath move.from from && lib.getAttrFromPath move.from from != null then
        lib.recursiveUpdate to (lib.setAttrByPath move.to (lib.getAttrFromPath move.from from))
      else
        to
    ) { } moves;
  move = from: to: {
    from = lib.splitString "." from;
    to = lib.splitString "." to;
  };
  same = path: move path path;

  inDisko = [
    (move "enable" "install.enable")
    (move "profile" "install.profile")
    (move "disks" "install.disks")
    (move "partitions.boot" "install.bootSize")
    (move "encryption" "install.encryption")
    (move "filesystems.root.type" "install.filesystem.type")
  ];

  disko =
    said:
    if said ? rawConfig then
      { disko.devices = said.rawConfig; }
    else
      let
        laid = moved inDisko said;
        root = said.partitions.root or null;
        options = said.filesystems.root.options or null;
        isZfs = (laid.install.filesystem.type or null) == "zfs";
        install =
          (
            if isZfs then
              removeAttrs laid.install [ "filesystem" ] // { profile = "zfs"; }
            else
              laid.install or { }
          )
          // lib.optionalAttrs (root != null) { rootSize = if root == "100%" then "rest" else root; };
        # XFS has had no such mount option since Linux 4.19.
        kept = builtins.filter (
          option:
          !(builtins.elem option [
            "nobarrier"
            "barrier"
          ])
        ) options;
        withOptions = lib.recursiveUpdate install (
          lib.optionalAttrs (options != null && !isZfs) { filesystem.options = kept; }
        );
      in
      lib.optionalAttrs (withOptions != { }) { install = withOptions; };
in
{
  inherit
    moved
    move
    same
    disko
    ;
}
