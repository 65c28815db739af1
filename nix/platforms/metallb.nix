# What MetalLB needs of the machines: its speakers reach each other, and nothing else hands out addresses of Services.
{
  lib,
  cluster,
  ...
}:
let
  inherit (cluster) metallb;
in
lib.mkIf metallb.enable {
  networking.firewall = {
    # By which speakers know that one of them is gone.
    allowedTCPPorts = [ 7946 ];
    allowedUDPPorts = [ 7946 ];
  };

  assertions = [
    {
      assertion = metallb.mode or "l2" != "bgp" || metallb.peers or [ ] != [ ];
      message = "clusters.${cluster.name}.metallb.peers: with mode: bgp addresses are announced to routers, and none is named. Name them, or take mode: l2";
    }
  ];
}
