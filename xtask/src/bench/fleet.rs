//! Fleets to measure with: as many machines as asked for, like those that people have.

use std::fmt::Write;
use std::net::Ipv4Addr;

/// Which fleet.
#[derive(Debug, Clone, Copy)]
pub struct Fleet {
    /// How many clusters.
    pub clusters: usize,
    /// Machines in each; three of them are control planes.
    pub machines_per_cluster: usize,
    /// Workers more in the last cluster.
    pub extra: usize,
}

/// The first machine's address. 172.16.0.0/12 holds a million and overlaps no default range of Kubernetes.
const FIRST_ADDRESS: u32 = u32::from_be_bytes([172, 16, 0, 10]);

/// Control planes of each cluster.
const CONTROL_PLANES: usize = 3;

impl Fleet {
    /// How many machines.
    pub fn machines(self) -> usize {
        self.clusters * self.machines_per_cluster + self.extra
    }

    /// The last cluster's name.
    pub fn last_cluster(self) -> String {
        cluster_name(self.clusters - 1)
    }

    /// The configuration.
    pub fn yaml(self) -> String {
        let mut yaml = String::from(TEMPLATES);
        let mut address = FIRST_ADDRESS;
        let mut next = || {
            address += 1;
            Ipv4Addr::from(address)
        };
        for cluster in 0..self.clusters {
            let name = cluster_name(cluster);
            let vip = next();
            write!(yaml, "  {name}:\n    distribution: k3s\n    version: \"1.34\"\n    ha: {{ vip: {vip} }}\n    members:\n")
                .expect("a String takes everything");
            let extra = if cluster + 1 == self.clusters { self.extra } else { 0 };
            for member in 0..self.machines_per_cluster + extra {
                let (kind, node) = if member < CONTROL_PLANES { ("cp", "server") } else { ("w", "worker") };
                writeln!(yaml, "      {kind}{member}: {{ node: {node}, ip: {} }}", next())
                    .expect("a String takes everything");
            }
        }
        yaml
    }
}

/// A cluster's name by its number.
pub fn cluster_name(number: usize) -> String {
    format!("c{number:04}")
}

const TEMPLATES: &str = "\
nodes:
  base:
    install: { disk: /dev/disk/by-id/nvme-main }
    boot: { kernelParams: [console=ttyS0] }
  server: { extends: base, role: control-plane }
  worker:
    extends: base
    role: worker
    kubernetes: { labels: { tier: general } }
provisioning:
  nixos-anywhere: {}
clusters:
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_has_as_many_machines_as_it_says() {
        let fleet = Fleet { clusters: 3, machines_per_cluster: 5, extra: 1 };
        let yaml = fleet.yaml();
        assert_eq!(yaml.matches("ip: ").count(), fleet.machines() + fleet.clusters);
        assert_eq!(yaml.matches("node: server").count(), 9);
        assert!(yaml.contains("172.16.0.11"));
    }
}
