# That the API is looked for where it listens, in modes in which nothing stands between.
{ cluster, ... }:
{
  assertions = [
    {
      assertion = cluster.ha.port == 6443;
      message = "clusters.${cluster.name}.ha.port: with `mode: ${cluster.ha.mode}` the API answers at its own port, 6443, and not at ${toString cluster.ha.port}. Remove the port, or take haproxy or external.";
    }
  ];
}
