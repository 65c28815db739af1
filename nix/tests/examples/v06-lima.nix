# v0.6, its example for virtual machines by Lima.
{
  nodes.lima-node.install.disk = "/dev/vda";

  clusters.dev = {
    k3s.version = "v1.31.0+k3s1";
    ha.enable = false;
    members = {
      server = {
        node = "lima-node";
        role = "server";
        ip = "192.168.105.10";
      };
      agent = {
        node = "lima-node";
        role = "agent";
        ip = "192.168.105.11";
      };
    };
  };

  provisioning.lima = {
    cpus = 2;
    memory = "4GiB";
    disk = "30GiB";
    network = "192.168.105.0/24";
  };
}
