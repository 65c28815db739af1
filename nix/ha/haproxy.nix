# HAProxy on the control planes, at a port of its own, in front of every API server; keepalived holds the vip.
{
  lib,
  config,
  pkgs,
  cluster,
  ...
}:
let
  row = (import ../distributions).${cluster.distribution};
  haproxy = lib.getExe config.services.haproxy.package;
  inherit (cluster.ha) port;
  servers = config.nix8s.membership.files."haproxy.cfg".path;
  taken = row.ports.control-plane.tcp ++ [
    # k3s's agents listen here, and every kubelet.
    6444
    10248
    10249
    10256
    10257
    10259
  ];
  files = "-f /etc/haproxy.cfg -f ${servers}";
in
{
  imports = [ ./keepalived.nix ];

  services.haproxy = {
    enable = true;
    config = ''
      defaults
        mode tcp
        log stdout format raw local0 notice
        timeout connect 5s
        timeout check 3s
        # Watches of the API are silent for long.
        timeout client 1h
        timeout server 1h
    '';
  };

  # `verify none` is the health check alone, which says nothing to anybody; clients speak through to the API server and check its
  # certificate themselves.
  nix8s.membership.files."haproxy.cfg" = {
    jq = ''
      def bracketed: if contains(":") then "[\(.)]" else . end;
      "frontend api", "  bind :::${toString port} v4v6", "  default_backend control-planes",
      "backend control-planes", "  balance leastconn",
      "  option httpchk GET ${row.api.path}", "  http-check expect status 200",
      "  default-server check check-ssl verify none inter 2s fall 3 rise 2 on-marked-down shutdown-sessions",
      (.hosts[] | select(.role == "control-plane" and .ip != null) | "  server \(.name) \(.ip | bracketed):6443")
    '';
    reload = "haproxy.service";
  };

  systemd.services.haproxy = {
    after = [ "nix8s-membership.service" ];
    # The module's own have one file.
    serviceConfig = {
      ExecStartPre = lib.mkForce [
        "${pkgs.coreutils}/bin/ln -sf ${haproxy} /run/haproxy/haproxy"
        "/run/haproxy/haproxy -c ${files}"
      ];
      ExecStart = lib.mkForce "/run/haproxy/haproxy -Ws ${files} -p /run/haproxy/haproxy.pid";
      ExecReload = lib.mkForce [
        "${haproxy} -c ${files}"
        "${pkgs.coreutils}/bin/ln -sf ${haproxy} /run/haproxy/haproxy"
        "${pkgs.coreutils}/bin/kill -USR2 $MAINPID"
      ];
    };
  };

  networking.firewall.allowedTCPPorts = [ port ];

  assertions = [
    {
      assertion = !(builtins.elem port taken);
      message = "clusters.${cluster.name}.ha.port: ${toString port} is a port of Kubernetes itself on control planes, where HAProxy listens too. Take another one, such as 8443.";
    }
  ];
}
