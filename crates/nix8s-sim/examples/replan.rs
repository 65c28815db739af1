//! Prints what planning again takes in one process for 10,000 machines in 100 clusters, as JSON: for `make bench`.

use mimalloc::MiMalloc;
use nix8s_sim::explore::scale::replan;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> std::io::Result<()> {
    let took = replan(100, 100)?;
    println!("{{\"planNanos\":{},\"runNanos\":{}}}", took.plan.as_nanos(), took.run.as_nanos());
    Ok(())
}
