# That there is an address to hold.
{ cluster, ... }:
{
  assertions = [
    {
      assertion = cluster.ha.vip != null;
      message = "clusters.${cluster.name}.ha.vip: ${cluster.ha.mode} needs an address that belongs to no machine; give one, or say `mode: none`.";
    }
  ];
}
