//! `status --probe`: whether gates hold now.

use insta::assert_snapshot;

use crate::project::Project;
use crate::project::SMALL;

#[test]
fn gates_are_asked_now_and_nothing_changes() {
    let yaml = SMALL.replace("    members:", "    gates: { units: [ntpd.service] }\n    members:");
    let project = Project::new(&yaml);
    let before = project.run(&["status", "--simulate", "--probe"]);
    assert_snapshot!("gates_before", before.steady());
    assert!(!project.path().join("state").exists(), "looking leaves nothing behind");
    assert_eq!(project.run(&["apply", "--simulate", "--yes", "-q"]).code, 0);
    let there = project.state("prod.sim");
    assert_snapshot!("gates_after", project.run(&["status", "--simulate", "--probe"]).steady());
    let json = project.run(&["status", "prod", "--simulate", "--probe", "-o", "json"]).json();
    let cp1 = &json["gates"][0]["machines"]["prod-cp1"];
    let names: Vec<&str> = cp1.as_array().unwrap().iter().map(|g| g["gate"].as_str().unwrap()).collect();
    assert_eq!(names, ["installed", "ntpd.service", "Ready", "etcd"]);
    assert_eq!((&json["version"], &cp1[0]["says"]), (&1.into(), &"yes".into()));
    assert_eq!(project.state("prod.sim"), there, "it changes nothing");
    let both = project.run(&["status", "--simulate", "--probe", "--watch"]);
    assert_eq!(both.code, 64);
}
