//! What is said about documents with problems: each file in `tests/problems/` is a document and what is said about it.
//!
//! `NIX8S_UPDATE=1` writes what is said now into the files, to be reviewed like any other change.

#![expect(clippy::disallowed_methods, reason = "tests read their cases from files")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use nix8s_core::input::At;
use nix8s_core::input::Diagnostic;
use nix8s_core::input::Severity;
use nix8s_core::input::Source;
use nix8s_core::input::load;

const MARK: &str = "---- says\n";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/problems")
}

fn said(document: &str) -> (String, Vec<Diagnostic>) {
    let bytes = document.as_bytes().to_vec();
    let loaded = load(&[Source { name: "nix8s.yaml".to_owned(), at: At::Document, bytes }]);
    let has_errors = loaded.diagnostics.iter().any(|d| d.severity == Severity::Error);
    assert_eq!(loaded.fleet.is_none(), has_errors, "there is a fleet exactly when there is no error");
    let line = |d: &Diagnostic| {
        let place = d.place.as_ref().map_or_else(|| "-".to_owned(), |p| format!("{}:{}", p.line, p.column));
        let severity = if d.severity == Severity::Error { "error" } else { "warning" };
        let help = d.help.as_ref().map_or(String::new(), |help| format!("\n  help: {help}"));
        let path = if d.path.is_empty() { "the document" } else { &d.path };
        format!("{place} {severity} {} {path}\n  {}{help}\n", d.code, d.message)
    };
    (loaded.diagnostics.iter().map(line).collect(), loaded.diagnostics)
}

fn check(name: &str) {
    let path = folder().join(format!("{name}.txt"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (document, wanted) = text.split_once(MARK).expect("a case holds a document and what is said");
    let (said, _) = said(document);
    if std::env::var_os("NIX8S_UPDATE").is_some() {
        std::fs::write(&path, format!("{document}{MARK}{said}")).expect("the case can be written");
    } else {
        assert_eq!(said, wanted, "{}", path.display());
    }
}

macro_rules! cases {
    ($($name:ident)*) => {
        $(#[test] fn $name() { check(stringify!($name)); })*
        const CASES: &[&str] = &[$(stringify!($name)),*];
    };
}

cases! {
    a_cluster_without_version_is_a_warning
    a_first_server_that_is_no_control_plane_is_refused
    a_first_server_that_is_no_member_is_refused
    a_mac_address_on_a_shared_template_is_a_warning
    a_mac_address_on_a_template_of_several_machines_for_network_boot_is_refused
    a_mac_address_set_on_two_members_is_refused
    a_mistyped_key_brings_no_further_errors
    a_mode_of_high_availability_without_vip_is_refused
    a_test_that_a_restart_would_undo_is_refused
    a_vip_that_is_a_machines_address_is_refused
    addresses_inside_the_dhcp_range_are_a_warning
    all_problems_are_reported_at_once
    an_address_inside_the_pod_or_service_network_is_refused
    an_even_number_of_voters_is_a_warning
    an_installer_that_is_never_booted_is_refused
    brackets_that_stay_open_are_refused
    c_16_hostile_names_are_refused_and_shown_on_one_line
    d_08_reconcilers_that_wait_for_unknown_ones_are_refused
    d_08_scripts_that_wait_for_a_later_phase_are_refused
    d_08_scripts_that_wait_for_each_other_are_refused
    d_08_scripts_that_wait_for_unknown_ones_are_refused
    d_10_mount_options_that_linux_dropped_are_refused
    d_10_swap_where_the_distribution_refuses_it_is_refused
    d_11_addresses_that_are_none_are_refused
    d_14_haproxy_on_the_port_of_the_api_server_is_refused
    discovery_and_terraform_are_checked
    flags_that_nix8s_sets_are_refused
    install_together_with_disko_is_refused
    kernel_disk_names_on_machines_with_several_disks_are_a_warning
    keys_that_stand_twice_are_refused
    kinds_of_values_are_checked
    layouts_that_lack_something_are_refused
    leave_to_erase_by_policy_alone_is_a_warning
    machines_without_provisioner_are_refused
    machines_without_role_address_disk_or_provisioner_are_refused
    merge_keys_of_yaml_1_1_are_explained
    names_that_are_no_dns_labels_are_refused
    network_boot_without_mac_address_is_refused
    overlapping_networks_are_refused
    scripts_name_phases_and_members_that_exist
    scripts_that_run_nothing_are_refused
    phases_of_nix8s_keep_their_sequence
    phases_of_nixos_anywhere_fit_each_other
    phases_of_nixos_anywhere_make_a_machine
    settings_of_scripts_without_effect_are_told
    scripts_of_members_have_names_of_their_own
    secrets_in_the_document_are_a_warning_that_does_not_print_them
    settings_in_two_spellings_are_a_warning
    settings_without_effect_are_a_warning
    several_control_planes_without_vip_are_a_warning
    several_documents_are_refused
    sizes_and_ranges_of_machines_are_checked
    tabs_as_indentation_are_explained
    tags_of_other_programs_are_refused
    templates_that_extend_each_other_are_refused
    the_join_network_of_cozystack_overlaps_with_nothing
    two_machines_of_different_clusters_with_one_name_are_refused
    two_machines_with_one_address_are_refused
    two_machines_with_one_name_are_refused
    unknown_templates_name_the_nearest_one
    unknown_words_name_the_nearest_one
    values_out_of_range_are_refused
    versions_in_another_distributions_spelling_are_refused
    what_runs_on_top_is_checked
    workers_without_control_plane_are_refused
    x_09_the_first_server_has_one_meaning_wherever_it_is_set
    x_18_settings_that_nobody_reads_are_refused
    x_30_a_cluster_of_machines_outside_kubernetes_is_in_order
    x_30_a_cluster_without_members_is_a_warning
    x_30_a_document_without_clusters_is_a_warning
    x_30_an_empty_document_is_a_warning
}

#[test]
fn every_file_is_a_case() {
    let files: BTreeSet<String> = std::fs::read_dir(folder())
        .expect("the folder is there")
        .map(|entry| {
            entry.expect("it can be read").file_name().to_string_lossy().trim_end_matches(".txt").to_owned()
        })
        .collect();
    let cases: BTreeSet<String> = CASES.iter().map(|case| (*case).to_owned()).collect();
    assert_eq!(files, cases);
}

/// Found in bytes rather than in text, or by the number of problems: in `tests/limits.rs`.
const ELSEWHERE: &[&str] =
    &["N8S-0001", "N8S-0002", "N8S-0003", "N8S-0007", "N8S-0008", "N8S-0009", "N8S-0011", "N8S-0012"];

#[test]
fn every_code_is_said_by_a_case_and_is_in_the_table() {
    let mut seen: BTreeSet<&str> = ELSEWHERE.iter().copied().collect();
    for name in CASES {
        let text = std::fs::read_to_string(folder().join(format!("{name}.txt"))).expect("the case is there");
        let (document, _) = text.split_once(MARK).expect("a case holds a document and what is said");
        seen.extend(said(document).1.iter().map(|d| d.code));
    }
    let table: BTreeSet<&str> = nix8s_core::input::code::ALL.iter().map(|code| code.id).collect();
    assert_eq!(seen, table);
    assert_eq!(table.len(), nix8s_core::input::code::ALL.len(), "no code stands in the table twice");
}
