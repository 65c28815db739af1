//! `explain`: pages without a configuration, a network or a state directory.

use crate::project::Project;

fn empty() -> Project {
    let project = Project::new("");
    std::fs::remove_file(project.path().join("nix8s.yaml")).unwrap();
    project
}

#[test]
fn a_code_a_rule_a_wait_an_exit_code_and_a_key_have_pages() {
    let project = empty();
    let pages = [
        &["N8S-0030"][..],
        &["rule", "4"],
        &["needs-erase"],
        &["exit", "6"],
        &["clusters.prod.ha.vip"],
        &["ssh.user"],
    ];
    let shown: Vec<String> = pages
        .iter()
        .map(|words| {
            let args: Vec<&str> = [&["explain"], *words].concat();
            let ran = project.run(&args);
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{words:?}");
            ran.stdout
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n==========\n\n"));
}

#[test]
fn everything_that_has_a_page_is_listed() {
    let ran = empty().run(&["explain"]);
    assert_eq!(ran.code, 0);
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn a_misspelt_name_is_met_with_the_nearest() {
    let project = empty();
    for (typed, meant) in [
        ("N8S-003O", "N8S-0030"),
        ("needs-erased", "needs-erase"),
        ("ha.vpi", "ha.vip"),
        ("rule 44", "rule 4"),
    ] {
        let ran = project.run(&["explain", typed]);
        assert_eq!(ran.code, 64, "{}", ran.all());
        assert!(ran.stderr.contains(&format!("Did you mean {meant}?")), "{}", ran.all());
    }
    let ran = project.run(&["explain", "qqq"]);
    assert!(ran.stderr.contains("`nix8s explain` lists"), "{}", ran.all());
}

#[test]
fn programs_get_both_documents_of_an_example() {
    let page = empty().run(&["explain", "N8S-0107", "-o", "json"]).json()["pages"][0].clone();
    assert_eq!(page["kind"], "code");
    let text = |side: &str| page["example"][side]["nix8s.yaml"].as_str().unwrap().to_owned();
    assert!(!text("wrong").contains("version") && text("right").contains("version"), "{page:#}");
}
