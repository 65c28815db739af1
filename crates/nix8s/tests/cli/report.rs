//! `report` and `graph`: pages and drawings that need nothing else, looked at in a browser where there is one.

use std::process::Command;
use std::process::Stdio;

use crate::project::Project;
use crate::project::SMALL;

fn applied() -> Project {
    let project = Project::new(SMALL);
    let ran = project.run(&["apply", "--simulate", "--yes", "--faults", "some"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    project
}

#[test]
fn a_report_tells_of_every_machine_and_run_and_gives_no_secret_away() {
    let project = applied();
    assert_eq!(project.run(&["node", "rebuild", "w1", "--simulate"]).code, 0);
    let ran = project.run(&["report", "--simulate"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let page = &ran.stdout;
    for told in [
        "prod-cp1",
        "prod-w1",
        "prod-w2",
        "3 of 3",
        "converged",
        "asked: roll its system out again",
        "What it waited for",
        "back-off",
        "switch",
    ] {
        assert!(page.contains(told), "{told}");
    }
    let kubeconfig = std::fs::read_to_string(project.path().join("state/prod.sim/k8s/kubeconfig")).unwrap();
    let secrets = kubeconfig.lines().filter(|line| line.contains("-data:") || line.contains("token:"));
    for secret in secrets.filter_map(|line| line.split_once(": ")).map(|(_, secret)| secret) {
        assert!(!page.contains(secret), "{secret}");
    }
    assert!(
        !page.contains(&project.path().display().to_string()),
        "the page names no folder of this computer"
    );
}

#[test]
fn a_report_goes_into_a_file_and_may_be_about_one_run() {
    let project = applied();
    assert_eq!(project.run(&["apply", "--simulate", "--yes"]).code, 0);
    let ran = project.run(&["report", "prod", "--simulate", "--out", "r.html"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{}", ran.all());
    assert!(std::fs::read_to_string(project.path().join("r.html")).unwrap().starts_with("<!DOCTYPE html>"));
    let runs = |args: &[&str]| {
        let document = project.run(&[&["report", "--simulate", "-o", "json"], args].concat()).json();
        document["runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let all: Vec<String> = runs(&[]);
    assert_eq!(all.len(), 2);
    assert_eq!(runs(&["--run", "last"]), all[..1], "the last in which something was done");
    assert_eq!(runs(&["--run", &all[1]]), all[1..]);
    assert_eq!(project.run(&["report", "--simulate", "--run", "r99"]).code, 64);
}

#[test]
fn there_is_no_report_before_the_first_apply() {
    let project = Project::new(SMALL);
    let ran = project.run(&["report", "--simulate"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{}", ran.all());
    assert!(ran.stderr.contains("`nix8s apply --simulate` begins"), "{}", ran.all());
}

#[test]
fn a_report_is_made_without_the_configuration_too() {
    let project = applied();
    std::fs::remove_file(project.path().join("nix8s.yaml")).unwrap();
    let ran = project.run(&["report", "--simulate"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stdout.contains("prod-w1"));
}

#[test]
fn graphs_are_drawn_in_every_format_and_the_same_every_time() {
    let project = Project::new(SMALL);
    for (of, told) in
        [("topology", "prod-w1"), ("reconcilers", "membership-data"), ("plan", "install: 3 machines")]
    {
        for format in ["svg", "dot", "mermaid"] {
            let args = ["graph", "--of", of, "--format", format, "--simulate"];
            let ran = project.run(&args);
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args:?}");
            assert!(ran.stdout.contains(told), "{args:?}: {}", ran.stdout);
            assert_eq!(ran.stdout, project.run(&args).stdout, "{args:?}");
        }
    }
    let graph = project.run(&["graph", "-o", "json"]).json();
    assert_eq!(graph["graph"]["title"], "prod");
    let ran = project.run(&["graph", "prd"]);
    assert!(ran.code == 64 && ran.stderr.contains("Did you mean prod?"), "{}", ran.all());
    assert_eq!(project.run(&["graph", "--of", "plan"]).code, 5, "there are no real machines yet");
}

/// Chromium, under one of the names that it has; nothing when there is none.
fn chromium() -> Option<&'static str> {
    let runs = |name: &&str| {
        let silent = |command: &mut Command| {
            command
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|s| s.success())
        };
        silent(&mut Command::new(name))
    };
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(runs)
}

/// How wide the content of a page is where it has so much room, as a browser lays it out.
fn width_in(browser: &str, project: &Project, page: &str, room: u32) -> u32 {
    // The page forbids scripts, so a copy is measured that does not. No window is narrower than 500.
    let csp = "default-src 'none'; style-src 'unsafe-inline'";
    assert!(page.contains(csp), "what is measured is the page that forbids scripts");
    let measure = format!(
        "<style>body{{width:{room}px!important;margin:0!important}}</style>\
         <script>document.title='width='+document.body.scrollWidth</script></body>"
    );
    let measured = page.replace(csp, "default-src 'unsafe-inline'").replace("</body>", &measure);
    project.write("measured.html", measured.as_bytes());
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--dump-dom"])
        .arg(format!("--window-size={},2000", room.max(500)))
        .arg(format!("--user-data-dir={}", project.path().join("browser").display()))
        .arg(format!("file://{}", project.path().join("measured.html").display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    let title = dom.split("<title>width=").nth(1).and_then(|rest| rest.split('<').next());
    title
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_else(|| panic!("{dom}{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn nothing_of_a_report_is_wider_than_a_phone_or_a_screen() {
    let Some(browser) = chromium() else {
        eprintln!("SKIPPED: there is no Chromium to look at the page with");
        return;
    };
    let project = applied();
    project.write("nix8s.yaml", format!("{SMALL}policy: {{ remove: true }}\n").as_bytes());
    project.run(&["node", "delete", "w2", "--simulate"]);
    let page = project.run(&["report", "--simulate"]).stdout;
    for room in [390, 1280] {
        let content = width_in(browser, &project, &page, room);
        assert!(content <= room, "the content is {content} wide on {room}");
    }
    let wide = page.replace("</main>", "<div style='width:2000px'>wide</div></main>");
    assert!(width_in(browser, &project, &wide, 390) > 390, "what is too wide is noticed");
}
