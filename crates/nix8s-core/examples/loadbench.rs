//! Times loading (temporary).
use nix8s_core::input::*;
fn main() {
    let n: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    let over = std::env::args().nth(2).is_some();
    let mut s = String::from("nodes:\n  cp:\n    role: control-plane\n    install: {disk: /dev/disk/by-id/x}\n  w:\n    role: worker\n    install: {disk: /dev/disk/by-id/x}\n    kubernetes: {labels: {a: b}}\nprovisioning: {nixos-anywhere: {}}\nclusters:\n");
    for c in 0..n / 100 {
        s += &format!("  c{c}:\n    version: \"1.34\"\n    network: {{podCidr: 172.16.0.0/16, serviceCidr: 172.17.0.0/16}}\n    members:\n");
        for m in 0..100 {
            let node = if m == 0 { "cp" } else { "w" };
            s += &format!("      m{m}:\n        node: {node}\n        ip: 10.{}.{}.{m}\n", c / 256, c % 256);
            if over { s += &format!("        network: {{mac: \"02:00:00:{:02x}:{:02x}:{m:02x}\"}}\n", c/256, c%256); }
        }
    }
    eprintln!("{} MB", s.len() / 1_000_000);
    let t = std::time::Instant::now();
    let mut r = report::Report::on(vec!["x".into()]);
    let tree = parse::parse(0, s.as_bytes(), &mut r);
    eprintln!("parse {:?}", t.elapsed());
    drop(tree);
    let t = std::time::Instant::now();
    let l = load(&[Source { name: "x".into(), at: At::Document, bytes: s.into_bytes() }]);
    eprintln!("load {:?} {} diags {:?}", t.elapsed(), l.diagnostics.len(), l.diagnostics.first());
    let f = l.fleet.unwrap();
    eprintln!("{} clusters", f.clusters.len());
    eprintln!("{}", std::fs::read_to_string("/proc/self/status").unwrap().lines().filter(|l| l.starts_with("VmHWM") || l.starts_with("VmRSS")).collect::<Vec<_>>().join(" "));
}
