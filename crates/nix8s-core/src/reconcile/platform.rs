//! platform: one release with a version, live compared with wanted; and what later versions of nix8s carry out.

use super::cx::Cx;
use super::out::Out;
use crate::permit::Risk;
use crate::plan::Cause;
use crate::plan::Effect;
use crate::plan::EffectKind;

/// Plans the platform's installation or upgrade once the cluster stands.
pub(super) fn plan(cx: &Cx<'_>, out: &mut Out<'_, '_>) {
    for later in &cx.cluster.later {
        let text = format!("{} ({}) comes with a later version of nix8s", later.what, later.path);
        out.wait_each(Cause::LaterVersion, text);
    }
    if !crate::distribution::of(cx.cluster.distribution).is_planned_now {
        let text = format!("{} clusters come with a later version of nix8s", cx.cluster.distribution);
        out.wait_each(Cause::LaterVersion, text);
    }
    let (Some(wanted), Some(api)) = (&cx.cluster.platform, cx.api) else { return };
    let running = api.platforms.get(&wanted.name);
    if running == Some(&wanted.version) {
        return;
    }
    let joins = out.has(EffectKind::Join) || out.has(EffectKind::Init);
    if joins || !api.nodes.values().any(|n| n.ready) {
        out.wait(
            None,
            Cause::Earlier,
            format!("{} comes when the machines that can join have joined", wanted.name),
        );
        return;
    }
    let reason = match running {
        None => "it is not installed yet".to_owned(),
        Some(version) => format!("release {version} runs"),
    };
    let effect = Effect::InstallPlatform { platform: wanted.name.clone(), version: wanted.version.clone() };
    out.step(Risk::None, effect, reason);
}
