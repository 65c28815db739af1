# v0.6, its minimal example: one server and one agent.
{
  nodes.standard = {
    network.mac = "aa:bb:cc:dd:ee:01";
    install.disk = "/dev/sda";
  };

  clusters.dev = {
    k3s.version = "v1.31.0+k3s1";
    ha.enable = false;
    members = {
      server = {
        node = "standard";
        role = "server";
        ip = "192.168.1.10";
      };
      agent = {
        node = "standard";
        role = "agent";
        ip = "192.168.1.20";
      };
    };
  };

  provisioning.nixos-anywhere.ssh = {
    user = "root";
    keyFile = "/home/user/.ssh/id_ed25519";
  };
}
