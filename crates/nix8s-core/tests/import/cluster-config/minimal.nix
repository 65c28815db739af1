# The design's minimal example, as it stands.
{
  clusterConfig = {
    name = "dev-cluster";

    kubernetes = {
      version = "1.29";
      podCidr = "10.244.0.0/16";
      serviceCidr = "10.96.0.0/12";
    };

    ha.enabled = false;
    cozystack.version = "latest";

    nodeConfigurations = {
      base.profiles = [ "base" "kubernetes" ];

      control-plane = {
        extends = "base";
        role = "control-plane";
        disko.profile = "simple";
      };

      worker = {
        extends = "base";
        role = "worker";
        disko.profile = "simple";
      };
    };

    provisioners.nixos-anywhere = {
      defaults.ssh = {
        user = "root";
        keyFile = ./keys/deploy;
      };

      nodes = {
        cp = {
          configuration = "control-plane";
          ip = "192.168.1.10";
          ssh.host = "192.168.1.10";
          disko.disks.main = "/dev/sda";
        };

        worker = {
          configuration = "worker";
          ip = "192.168.1.20";
          ssh.host = "192.168.1.20";
          disko.disks.main = "/dev/sda";
        };
      };
    };
  };
}
