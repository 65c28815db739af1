# keepalived on the control planes: the vip is where an API answers. Peers and priorities come from the membership, the password
# from a secret of the cluster; neither is in the system.
{
  lib,
  config,
  pkgs,
  cluster,
  node,
  ...
}:
let
  row = (import ../distributions).${cluster.distribution};
  interface = import ./interface.nix {
    inherit
      lib
      pkgs
      cluster
      node
      config
      ;
  };
  inherit (cluster.ha) vip;
  isV6 = vip != null && lib.hasInfix ":" vip;
  membership = "/var/lib/nix8s/membership.json";
  known = [
    membership
    row.secret
  ];
  environment = "/run/nix8s/keepalived.env";
  port = toString (if cluster.ha.mode == "haproxy" then cluster.ha.port else 6443);

  # This machine's own, whatever the vip: every API server's certificate is valid for the name kubernetes.
  check = pkgs.writeShellScript "nix8s-api-answers" ''
    exec ${lib.getExe pkgs.curl} --silent --fail --max-time 3 --output /dev/null --cacert ${row.api.ca} \
      --connect-to kubernetes:${port}:127.0.0.1:${port} https://kubernetes:${port}${row.api.path}
  '';
in
{
  imports = [ ./vip.nix ] ++ lib.optional (cluster.ha.mode == "keepalived") ./own-port.nix;

  services.keepalived = {
    enable = true;
    # Of this file `''${…}` below are filled in when keepalived starts.
    secretFile = environment;
    vrrpScripts.nix8s_api = {
      script = toString check;
      interval = 2;
      timeout = 4;
      fall = 3;
      rise = 2;
      # The certificates of k3s are root's.
      user = "root";
    };
    vrrpInstances.k8s_vip = {
      interface = lib.mkDefault "\${NIX8S_VIP_INTERFACE}";
      virtualRouterId = cluster.ha.vrrpId;
      # Whoever has it keeps it: the vip does not move back when a machine comes back.
      state = "BACKUP";
      noPreempt = true;
      virtualIps = [ { addr = "${toString vip}/${if isV6 then "128" else "32"}"; } ];
      trackScripts = [ "nix8s_api" ];
      extraConfig =
        # VRRP for IPv6 knows no passwords.
        lib.optionalString (!isV6) ''
          authentication {
            auth_type PASS
            auth_pass ''${NIX8S_VIP_PASSWORD}
          }
        ''
        + "include ${config.nix8s.membership.files."keepalived.conf".path}";
    };
  };

  nix8s.membership.files."keepalived.conf" = {
    # As long as one address is not known, all speak to everybody, so that none is left out.
    jq = ''
      [.hosts[] | select(.role == "control-plane")] | sort_by(.name)
      | (map(.name) | index($machine) // 0) as $place
      | (map(select(.name == $machine)) | first | .ip) as $own
      | map(select(.name != $machine) | .ip) as $others
      | "priority \(150 - ([$place, 100] | min))",
        if $own != null and ($others | length) > 0 and all($others[]; . != null) then
          "unicast_src_ip \($own)", "unicast_peer {", $others[], "}"
        else empty end
    '';
    reload = "keepalived.service";
  };

  systemd.services.nix8s-vip = {
    description = "Interface and password for the address of the API";
    wantedBy = [ "multi-user.target" ];
    after = [ "network-online.target" ];
    wants = [ "network-online.target" ];
    serviceConfig = {
      Type = "oneshot";
      UMask = "0077";
    };
    # keepalived uses eight characters of a password.
    script = ''
      for file in ${toString known}; do
        if [ ! -e "$file" ]; then exit 0; fi
      done
      install -d -m 0755 /run/nix8s
      until interface=$(${interface}); do sleep 2; done
      password=$({ echo "nix8s vrrp ${cluster.name}"; cat ${row.secret}; } | sha256sum | cut -c 1-8)
      before=$(cat ${environment} 2>/dev/null || true)
      now=$(printf 'NIX8S_VIP_INTERFACE=%s\nNIX8S_VIP_PASSWORD=%s' "$interface" "$password")
      if [ "$now" = "$before" ] && systemctl --quiet is-active keepalived.service; then exit 0; fi
      echo "$now" >${environment}
      # It reads this when it starts: peers have the new password too.
      systemctl --no-block restart keepalived.service
    '';
  };

  # It does not require the unit above: that starts this one.
  systemd.services.keepalived = {
    after = [
      "nix8s-vip.service"
      "nix8s-membership.service"
    ];
    unitConfig.ConditionPathExists = environment;
  };
  # Not keepalived itself: after a unit that is skipped a path unit may notice no further change.
  systemd.paths.nix8s-vip = {
    description = "What keepalived has to know before it starts";
    wantedBy = [ "multi-user.target" ];
    pathConfig.PathChanged = known;
  };

  # VRRP is a protocol of its own (112) beside TCP and UDP.
  services.keepalived.openFirewall = !config.networking.nftables.enable;
  networking.firewall.extraInputRules = lib.mkIf config.networking.nftables.enable "meta l4proto 112 accept";
}
