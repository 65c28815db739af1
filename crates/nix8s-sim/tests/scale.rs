//! Large clusters from blank machines: the result is checked, the time is printed and measured by `make bench`.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use nix8s_engine::converge::Ending;
use nix8s_sim::explore::scale::converge_blank;

#[test]
fn a_thousand_blank_machines_converge() {
    let took = converge_blank(1000).unwrap();
    println!(
        "1000 blank machines: {:.1} s of wall time, {} min in the simulated world, {} cycles, {} steps",
        took.wall.as_secs_f64(),
        took.world.as_secs() / 60,
        took.report.cycles,
        took.report.done
    );
    assert_eq!(took.report.ending, Ending::Converged);
    assert_eq!(took.report.failed, 0);
}
