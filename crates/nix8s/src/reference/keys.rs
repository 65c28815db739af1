//! docs/reference/keys.md: every key with what may stand there, its default and its sentence.

use std::collections::BTreeSet;
use std::fmt::Write;

use nix8s_core::input::schema::Key;
use nix8s_core::input::schema::Note;
use nix8s_core::input::schema::about;
use nix8s_core::input::schema::walk;

use super::MADE;
use super::cell;
use super::defaults::Defaults;

/// A part of the page: what its keys' paths begin with, its heading, and where its keys may stand.
struct Part {
    begins: &'static str,
    title: &'static str,
    stands: &'static str,
}

/// The parts, in their order. A key belongs to the first that fits; the last takes what is left.
const PARTS: &[Part] = &[
    Part {
        begins: "machine.",
        title: "Machines",
        stands: "Under `nodes.<template>`, under a template written in a member's `node`, and as an override under \
                 `clusters.<cluster>.members.<member>`.",
    },
    Part {
        begins: "ssh.",
        title: "`ssh`",
        stands: "Under a machine's `ssh`, and as defaults of its machines under `provisioning.<kind>.ssh`.",
    },
    Part {
        begins: "lima.",
        title: "`lima`",
        stands: "Under a machine's `lima`, and as defaults of its machines under `provisioning.lima`.",
    },
    Part {
        begins: "distribution.",
        title: "Distributions",
        stands: "Under `clusters.<cluster>.k3s`, `kubeadm` and `k0s`.",
    },
    Part {
        begins: "script.",
        title: "Scripts",
        stands: "Each item of `scripts` of a cluster or member, and each entry of `activationScripts`.",
    },
    Part { begins: "nodes", title: "Templates: `nodes`", stands: "Besides what machines have, below." },
    Part { begins: "clusters", title: "Clusters: `clusters`", stands: "" },
    Part {
        begins: "provision",
        title: "Provisioning: `provisioning`",
        stands: "What begins with `provisioner` may stand under each of them.",
    },
    Part { begins: "bootstrap", title: "Phases and programs of your own: `bootstrap`", stands: "" },
    Part { begins: "", title: "The rest", stands: "" },
];

/// The order on the page, which is not that in which parts are told apart.
const ORDER: &[&str] = &[
    "nodes",
    "machine.",
    "ssh.",
    "lima.",
    "clusters",
    "distribution.",
    "script.",
    "provision",
    "bootstrap",
    "",
];

/// A key under the path by which it is described.
type Row = (String, String, &'static Key);

/// The page.
pub fn page() -> String {
    let mut out = format!(
        "# Keys of the configuration\n\n{MADE} How documents are put together is told in \
         [configuration](../configuration.md); [examples/every-key.yaml](../../examples/every-key.yaml) shows every key \
         in its place.\n\n`*` stands for a name that you choose, `[]` for each item of a list. A default is what holds \
         where neither the document nor a template says anything; it is read from the resolution that `nix8s config \
         show` prints. Where none is given, the key is left unset, or its sentence says more. *Later* means: read and \
         checked now, carried out by a later version, and until then a wait in the plan. Keys that begin with `x-` may \
         stand anywhere and are left alone.\n"
    );
    let defaults = Defaults::resolved();
    let (now, older): (Vec<Row>, Vec<Row>) =
        rows().into_iter().partition(|(_, _, key)| !matches!(key.note, Note::Older(_)));
    for begins in ORDER {
        let part = PARTS.iter().find(|part| part.begins == *begins).expect("a test holds the order");
        write!(out, "\n## {}\n\n", part.title).expect("a text can be written to");
        if !part.stands.is_empty() {
            write!(out, "{}\n\n", part.stands).expect("a text can be written to");
        }
        out.push_str("| key | what may stand there | default | what it is |\n|---|---|---|---|\n");
        for (name, path, key) in now.iter().filter(|(name, ..)| part_of(name) == part.begins) {
            row(&mut out, name, path, key, &defaults);
        }
    }
    spellings(&mut out, &older);
    out
}

/// Every key once, with a path at which it may stand.
fn rows() -> Vec<Row> {
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for (path, key) in about::keys() {
        let name = about::described_as(&path);
        let is_older = matches!(key.note, Note::Older(_));
        // What stands below an older spelling has a sentence at today's place only.
        if !is_older && about::about(&path).is_none() {
            continue;
        }
        if seen.insert(name.clone()) {
            rows.push((name, path, key));
        }
    }
    rows
}

fn part_of(name: &str) -> &'static str {
    PARTS.iter().find(|part| name.starts_with(part.begins)).expect("the last part takes everything").begins
}

fn row(out: &mut String, name: &str, path: &str, key: &Key, defaults: &Defaults) {
    let kind = match walk::describe(&key.kind) {
        kind if kind.ends_with("and holds a map") => "a map by name".to_owned(),
        kind => kind,
    };
    // What templates say stands with the member after resolution.
    let asked = path.replacen("nodes.*.", "clusters.*.members.*.", 1);
    let default = defaults.of(&asked).map(|value| format!("`{value}`")).unwrap_or_default();
    let mut what = about::about(path).unwrap_or_default().to_owned();
    match key.note {
        Note::Later(_) => what.push_str(" *Later.*"),
        Note::Secret => what.push_str(" Never shown."),
        Note::Now | Note::Older(_) => {}
    }
    writeln!(out, "| `{}` | {} | {default} | {} |", cell(name), cell(&kind), cell(&what))
        .expect("a text can be written to");
}

fn spellings(out: &mut String, older: &[Row]) {
    out.push_str(
        "\n## Older spellings\n\nThey are read and mean the same; where both stand, today's holds, with a warning \
         ([N8S-0106](codes.md#n8s-0106)).\n\n| then | today |\n|---|---|\n",
    );
    for (name, _, key) in older {
        if let Note::Older(now) = key.note {
            writeln!(out, "| `{}` | `{}` |", cell(name), cell(now)).expect("a text can be written to");
        }
    }
}

#[test]
fn every_part_is_on_the_page() {
    let parts: BTreeSet<&str> = PARTS.iter().map(|part| part.begins).collect();
    assert_eq!(parts, ORDER.iter().copied().collect());
}
