# Prometheus' node exporter.
{ lib, config, ... }:
let
  cfg = config.nix8s.extensions.monitoring;
in
lib.mkIf (cfg.enable && cfg.nodeExporter) {
  services.prometheus.exporters.node = {
    enable = lib.mkDefault true;
    # The Prometheus that asks is on another machine.
    openFirewall = lib.mkDefault true;
    enabledCollectors = [
      "processes"
      "systemd"
    ];
  };
}
