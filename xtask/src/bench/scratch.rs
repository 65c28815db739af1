//! A folder for configurations and state that goes away at the end, and the commands to run in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

use super::fleet::Fleet;
use super::measure::Failure;

/// The folder, and the binary to measure.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    binary: String,
}

impl Scratch {
    /// Makes the folder and finds the binary.
    pub fn new() -> Result<Self, Failure> {
        let binary = release_folder()?.join("nix8s");
        if !binary.is_file() {
            return Err(format!("there is no {}: run `make build` first", binary.display()));
        }
        let folder = std::env::temp_dir().join(format!("nix8s-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|e| format!("could not make {}: {e}", folder.display()))?;
        Ok(Self { folder, binary: binary.to_string_lossy().into_owned() })
    }

    /// The binary to measure.
    pub fn binary(&self) -> &str {
        &self.binary
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its size.
    pub fn binary_size(&self) -> Result<u64, Failure> {
        fs::metadata(&self.binary).map(|data| data.len()).map_err(|e| format!("{}: {e}", self.binary))
    }

    /// Writes a fleet's configuration and returns its path.
    pub fn config(&self, name: &str, fleet: Fleet) -> String {
        let path = self.folder.join(format!("{name}-{}.yaml", fleet.machines()));
        fs::write(&path, fleet.yaml()).expect("the folder was made a moment ago");
        path.to_string_lossy().into_owned()
    }

    /// A command on a configuration.
    pub fn command<'a>(&'a self, config: &'a str, words: &[&'a str]) -> Vec<&'a str> {
        [&[self.binary.as_str(), "--config", config], words].concat()
    }

    /// The same in a simulated world without faults, whose state is kept under a name.
    pub fn simulated(&self, config: &str, state: &str, words: &[&str]) -> Vec<String> {
        let state = self.state(state).to_string_lossy().into_owned();
        let mut command = self.command(config, &["--state-dir", &state, "--simulate", "--seed", "1"]);
        command.extend(words);
        command.into_iter().map(str::to_owned).collect()
    }

    /// Removes a state.
    pub fn forget(&self, state: &str) {
        let state = self.state(state);
        if state.exists() {
            fs::remove_dir_all(state).expect("the state is ours");
        }
    }

    fn state(&self, name: &str) -> PathBuf {
        self.folder.join(format!("state-{name}"))
    }

    /// How many machines a plan has steps for, now or later, besides writing membership data (hosts and peers change
    /// for everybody in the cluster).
    pub fn machines_with_steps(&self, config: &str, state: &str) -> Result<usize, Failure> {
        let command = self.simulated(config, state, &["-o", "json", "plan"]);
        let output = Command::new(&command[0])
            .args(&command[1..])
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("could not run plan: {e}"))?;
        let plan: Value = serde_json::from_slice(&output.stdout).map_err(|e| format!("plan -o json: {e}"))?;
        let mut machines = BTreeSet::new();
        subjects(&plan, &mut machines);
        if machines.is_empty() { Err("the plan has no steps".to_owned()) } else { Ok(machines.len()) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left in the temporary folder is the system's to clear; there is nobody to tell.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Collects the machines of every step anywhere in a plan document. A step's id is `<kind>:<machine>`.
fn subjects(document: &Value, machines: &mut BTreeSet<String>) {
    match document {
        Value::Object(fields) => {
            let id = fields.get("id").and_then(Value::as_str).and_then(|id| id.split_once(':'));
            if let Some((_, machine)) = id.filter(|(kind, _)| *kind != "write-membership") {
                machines.insert(machine.to_owned());
            }
            fields.values().for_each(|value| subjects(value, machines));
        }
        Value::Array(values) => values.iter().for_each(|value| subjects(value, machines)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Builds and runs an example of the simulated world, and reads what it prints.
pub fn example(name: &str) -> Result<Value, Failure> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--release", "--manifest-path", manifest])
        .args(["-p", "nix8s-sim", "--example", name])
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("could not run the example {name}: {e}"))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|e| format!("the example {name}: {e}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn release_folder() -> Result<PathBuf, Failure> {
    // xtask itself is in `<target>/debug`.
    let me = std::env::current_exe().map_err(|e| format!("where is this program? {e}"))?;
    let target = me.parent().and_then(Path::parent).ok_or("this program is not in a target folder")?;
    Ok(target.join("release"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn membership_data_does_not_count_as_touching_a_machine() {
        let steps =
            json!([{ "id": "write-membership:a" }, { "id": "install:b" }, { "id": "generate-secrets" }]);
        let mut machines = BTreeSet::new();
        subjects(&json!({ "plans": [{ "steps": steps, "forecast": [{ "id": "join:b" }] }] }), &mut machines);
        assert_eq!(machines, BTreeSet::from(["b".to_owned()]));
    }
}
