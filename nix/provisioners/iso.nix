# One machine's installer as a file for a disc or a stick (`system.build.isoImage`), started by BIOS and by UEFI.
{
  lib,
  options,
  modulesPath,
  fleet,
  node,
  ...
}:
let
  name = "nix8s-${node.name}";
  said = fleet.document.provisioning.iso or { };
  admin = said.admin or { };
  refuse = when: text: {
    assertion = !when;
    message = "provisioning.iso.${text}";
  };
in
{
  imports = [
    "${modulesPath}/installer/cd-dvd/iso-image.nix"
    "${modulesPath}/profiles/minimal.nix"
    ./image.nix
  ];

  config = lib.mkMerge [
    {
      isoImage = {
        makeEfiBootable = true;
        makeUsbBootable = true;
        # ISO 9660 has room for 32 characters.
        volumeID = builtins.substring 0 32 (lib.toUpper name);
        squashfsCompression = lib.mkDefault "zstd -Xcompression-level 19";
      };

      users.users = lib.optionalAttrs (admin.user or null != null && admin.user != "root") {
        ${admin.user} = {
          isNormalUser = true;
          extraGroups = [ "wheel" ];
          openssh.authorizedKeys.keys = admin.authorizedKeys or [ ];
        };
      };
      security.sudo.wheelNeedsPassword = false;

      assertions = [
        (refuse (
          said.files or { } != { }
        ) "files: this version of nix8s puts no files of yours into images. Remove it")
        (refuse (said.scripts.before or [ ] ++ said.scripts.after or [ ] != [ ])
          "scripts: this version of nix8s runs no scripts of yours in images. Remove it, or use scripts of the machine (pre-provision, post-provision)"
        )
      ];
    }
    (lib.mkIf (admin.user or null == "root") {
      users.users.root.openssh.authorizedKeys.keys = admin.authorizedKeys or [ ];
    })
    (
      if options ? image.fileName then
        { image.fileName = "${name}.iso"; }
      else
        { isoImage.isoName = "${name}.iso"; }
    )
  ];
}
