//! `nix8s status --probe`: asks every machine now whether its gates hold.

use nix8s_core::permit::Permit;
use nix8s_engine::execute::Answer;
use nix8s_engine::execute::ask_gates;
use serde_json::json;

use super::shown;
use crate::commands::Cx;
use crate::commands::project;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Format;
use crate::report::gates;
use crate::report::json as document;

/// Shows what is remembered, and what the gates say.
pub fn run(cx: &Cx<'_>, cluster: Option<&str>) -> Result<Exit, CliError> {
    let fleet = project::fleet(cx)?;
    let (mut overviews, mut all) = (Vec::new(), Vec::new());
    for cluster in project::reading(&fleet, cluster)? {
        let state = world::open_to_read(cx, &cluster.name)?;
        let overview = nix8s_engine::state::overview::read(&*state);
        overviews.extend(overview.map_err(|error| world::unreadable(&state, error))?);
        let asked = world::runtime(cx.global)?.block_on(async {
            let world = world::look_at(cx, &cluster, &state, Permit::default())?;
            Ok(ask_gates(&world).await)
        })?;
        all.push((cluster, asked));
    }
    match cx.out.format {
        Format::Json => {
            let gates: Vec<_> = all
                .iter()
                .map(|(cluster, asked)| json!({ "cluster": cluster.name, "machines": asked }))
                .collect();
            cx.out.json(&json!({ "version": document::VERSION, "clusters": overviews, "gates": gates }));
        }
        Format::Text => {
            let mut text = shown(cx, &overviews);
            for (cluster, asked) in &all {
                if !text.is_empty() {
                    text.push('\n');
                }
                text.push_str(&gates::render(cluster, asked, cx.out.detail, cx.out.paint));
            }
            cx.out.data(&text);
        }
    }
    let hold = all.iter().flat_map(|(_, asked)| asked.values().flatten()).all(|g| g.answer == Answer::Yes);
    Ok(if hold { Exit::Done } else { Exit::Failed })
}
