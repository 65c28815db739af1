//! `config export` and `config schema`.

use crate::project::Project;
use crate::project::SMALL;

#[test]
fn the_configuration_is_written_in_every_form() {
    let project = Project::new(SMALL);
    for form in ["yaml", "json", "cluster-nix", "colmena"] {
        let ran = project.run(&["config", "export", "--to", form]);
        insta::assert_snapshot!(format!("export_to_{form}"), ran.all());
    }
}

#[test]
fn what_is_exported_is_read_back_and_plans_the_same() {
    let project = Project::new(SMALL);
    let before = project.run(&["plan", "--simulate"]).stdout;
    for form in ["yaml", "json"] {
        let file = format!("other.{form}");
        let ran = project.run(&["config", "export", "--to", form, "--write", &file]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{}", ran.all());
        assert_eq!(project.run(&["plan", "--simulate", "--config", &file]).stdout, before, "{form}");
        let again = project.run(&["config", "export", "--to", form, "--write", &file]);
        assert_eq!(again.code, 4, "{}", again.all());
    }
}

#[test]
fn a_form_that_holds_one_cluster_wants_its_name() {
    let two = SMALL
        .replace("provisioning:", "  lab:\n    provisioner: nixos-anywhere\n    members: {}\nprovisioning:");
    let project = Project::new(&two);
    let ran = project.run(&["config", "export", "--to", "colmena"]);
    assert_eq!(ran.code, 64, "{}", ran.all());
    assert!(ran.stderr.contains("lab and prod"), "{}", ran.all());
    let ran = project.run(&["config", "export", "prdo", "--to", "cluster-nix"]);
    assert!(ran.code == 64 && ran.stderr.contains("Did you mean prod?"), "{}", ran.all());
    assert_eq!(project.run(&["config", "export", "prod", "--to", "cluster-nix"]).code, 0);
    let yaml = project.run(&["config", "export", "lab", "--to", "yaml"]).stdout;
    assert!(yaml.contains("lab:") && !yaml.contains("prod:"), "{yaml}");
}

#[test]
fn the_schema_is_printed_in_both_formats() {
    let project = Project::new(SMALL);
    let schema = project.run(&["config", "schema"]).json();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(project.run(&["config", "schema", "-o", "json"]).json(), schema);
}
