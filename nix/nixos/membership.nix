# Files that depend on who the members are: made on the machine from what nix8s put there, so that another member changes no
# machine's system.
{
  lib,
  config,
  pkgs,
  node,
  cluster,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.nix8s.membership;
  source = "/var/lib/nix8s/membership.json";
  folder = "/run/nix8s/membership";
  # Before nix8s was here, or while it is away, there is nobody else.
  nobody = builtins.toJSON {
    hosts = [ ];
    port = cluster.ha.port;
    version = 1;
    vip = null;
  };

  file =
    { name, ... }:
    {
      options = {
        path = mkOption {
          type = types.str;
          default = "${folder}/${name}";
          readOnly = true;
          description = "Where it is. It is there from early in the boot.";
        };
        jq = mkOption {
          type = types.lines;
          example = ".hosts[] | .name";
          description = "A jq program: of the membership, with the machine's own name in `$machine`, it makes texts, one a line.";
        };
        append = mkOption {
          type = types.listOf types.path;
          default = [ ];
          example = lib.literalExpression "config.networking.hostFiles";
          description = "Files that follow as they are.";
        };
        reload = mkOption {
          type = types.nullOr types.str;
          default = null;
          example = "haproxy.service";
          description = "A unit that reads it again whenever it has changed.";
        };
      };
    };

  render = name: file: ''
    next=${folder}/.${name}
    if jq --raw-output --arg machine ${node.name} --from-file ${pkgs.writeText "${name}.jq" file.jq} <"$members" >"$next" &&
      cat /dev/null ${lib.escapeShellArgs file.append} >>"$next"; then
      if cmp --quiet "$next" ${file.path}; then
        rm "$next"
      else
        mv "$next" ${file.path}
        ${lib.optionalString (
          file.reload != null
        ) "systemctl --no-block try-reload-or-restart ${file.reload}"}
      fi
    else
      echo "${file.path} stays as it was" >&2
      failed=1
    fi
  '';
in
{
  options.nix8s.membership.files = mkOption {
    internal = true;
    type = types.attrsOf (types.submodule file);
    default = { };
    description = "Files made of /var/lib/nix8s/membership.json whenever it changes.";
  };

  config = {
    nix8s.membership.files.hosts = {
      jq = ''
        .hosts[] | select(.ip != null) | "\(.ip) ${
          lib.optionalString (cluster.domain != null) "\\(.name).${cluster.domain} "
        }\(.name)"
      '';
      append = config.networking.hostFiles;
    };
    # Until it is made, names of this machine itself are known without it (nss-myhostname).
    environment.etc.hosts.source = lib.mkForce cfg.files.hosts.path;

    systemd.services.nix8s-membership = {
      description = "What depends on who the members of the cluster are";
      wantedBy = [ "sysinit.target" ];
      before = [
        "sysinit.target"
        "shutdown.target"
      ];
      conflicts = [ "shutdown.target" ];
      unitConfig = {
        DefaultDependencies = false;
        RequiresMountsFor = "/var/lib/nix8s";
      };
      path = [
        pkgs.jq
        pkgs.diffutils
        config.systemd.package
      ];
      serviceConfig = {
        Type = "oneshot";
        UMask = "0022";
      };
      script = ''
        mkdir -p ${folder}
        failed=
        members=${source}
        if [ ! -e "$members" ]; then members=${pkgs.writeText "nobody.json" nobody}; fi
        ${lib.concatStringsSep "\n" (lib.mapAttrsToList render cfg.files)}
        [ -z "$failed" ]
      '';
    };

    systemd.paths.nix8s-membership = {
      description = "Changes of who the members of the cluster are";
      wantedBy = [ "multi-user.target" ];
      # A path unit starts before what it starts, which here is before what other path units wait for.
      before = [ "shutdown.target" ];
      conflicts = [ "shutdown.target" ];
      unitConfig.DefaultDependencies = false;
      pathConfig.PathChanged = source;
    };
  };
}
