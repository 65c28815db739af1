//! Keeps the world in a file: one line of JSON for every moment at which records changed, compacted when opened. What
//! the operating system has taken survives the death of the process at any instant.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use nix8s_core::model::Cluster;
use nix8s_core::model::MachineName;
use nix8s_core::model::StorePath;
use nix8s_core::observed::Secret;
use serde::Deserialize;
use serde::Serialize;

use crate::world::Common;
use crate::world::Key;
use crate::world::Ms;
use crate::world::World;
use crate::world::due::Due;
use crate::world::metal::Metal;
use crate::world::node::Node;
use crate::world::pod::WorldPod;
use crate::world::system::Kind;

/// The file's name in the state directory.
pub const FILE: &str = "world.jsonl";

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    file: File,
    written: Ms,
}

/// One line.
#[derive(Debug, Serialize, Deserialize)]
struct Line<'a> {
    /// The world's time.
    t: Ms,
    /// Records as they are now; no value: it is gone.
    r: Vec<Record<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Record<'a> {
    Seed(u64),
    Common(Cow<'a, Common>),
    Count(u64),
    Secrets(Cow<'a, BTreeSet<Secret>>),
    Built(StorePath),
    Metal(MachineName, Option<Box<Cow<'a, Metal>>>),
    Node(MachineName, Option<Cow<'a, Node>>),
    Pod(String, Option<Cow<'a, WorldPod>>),
    System(StorePath, Option<Cow<'a, Kind>>),
    Due(Ms, u64, Option<Cow<'a, Due>>),
}

/// How much time may pass without a line: a restart loses no more than this of the clock.
const TIME_LINE: Ms = 5_000;

impl Journal {
    /// Reads a world if the directory has one; a torn last line is dropped.
    ///
    /// # Errors
    /// When the file cannot be read, or is damaged before its last line.
    pub fn read(dir: &Path, fleet: &Arc<Cluster>) -> io::Result<Option<World>> {
        let text = match std::fs::read(dir.join(FILE)) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let mut world = World::new(Arc::clone(fleet), 0, 0);
        let mut any = false;
        for line in text.split_inclusive(|b| *b == b'\n') {
            if line.last() != Some(&b'\n') {
                break;
            }
            let line: Line<'_> = serde_json::from_slice(line).map_err(io::Error::from)?;
            any = true;
            world.now = line.t;
            for record in line.r {
                take_in(&mut world, record);
            }
        }
        world.take_changed();
        Ok(any.then_some(world))
    }

    /// Writes a whole world anew and stays open for what changes.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn create(dir: &Path, world: &World) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let (path, temporary) = (dir.join(FILE), dir.join(format!("{FILE}.new")));
        let mut file = File::create(&temporary)?;
        file.write_all(&encode(world.now, everything(world)))?;
        file.sync_all()?;
        std::fs::rename(&temporary, &path)?;
        let file = OpenOptions::new().append(true).open(&path)?;
        Ok(Self { dir: dir.to_owned(), file, written: world.now })
    }

    /// Writes the whole world anew, so that whoever opens it next reads how it is and not how it came to be so.
    pub(crate) fn compact(&mut self, world: &World) -> io::Result<()> {
        *self = Self::create(&self.dir, world)?;
        Ok(())
    }

    /// Writes down what changed, in one piece.
    pub(crate) fn write(&mut self, world: &mut World) {
        if !world.has_changed() && world.now < self.written + TIME_LINE {
            return;
        }
        let keys = world.take_changed();
        let records = keys.into_iter().map(|key| record(world, key)).collect();
        self.written = world.now;
        let written = self.file.write_all(&encode(world.now, records));
        written.expect("the simulated world's journal can be written, or the simulation is worthless");
    }
}

fn encode(t: Ms, r: Vec<Record<'_>>) -> Vec<u8> {
    let mut line = serde_json::to_vec(&Line { t, r }).expect("records are plain data");
    line.push(b'\n');
    line
}

fn record(world: &World, key: Key) -> Record<'_> {
    match key {
        Key::Common => Record::Common(Cow::Borrowed(&world.common)),
        Key::Count => Record::Count(world.common.count),
        Key::Secrets => Record::Secrets(Cow::Borrowed(&world.common.secrets)),
        Key::Built(path) => Record::Built(path),
        Key::Metal(name) => {
            let value = world.metal.get(&name).map(Cow::Borrowed).map(Box::new);
            Record::Metal(name, value)
        }
        Key::Node(name) => {
            let value = world.nodes.get(&name).map(Cow::Borrowed);
            Record::Node(name, value)
        }
        Key::Pod(name) => {
            let value = world.pods.get(&name).map(Cow::Borrowed);
            Record::Pod(name, value)
        }
        Key::System(path) => {
            let value = world.systems.get(&path).map(Cow::Borrowed);
            Record::System(path, value)
        }
        Key::Due(at) => Record::Due(at.0, at.1, world.dues.get(&at).map(Cow::Borrowed)),
    }
}

fn everything(world: &World) -> Vec<Record<'_>> {
    let keys = [Key::Common, Key::Secrets]
        .into_iter()
        .chain(world.common.built.iter().cloned().map(Key::Built))
        .chain(world.metal.keys().cloned().map(Key::Metal))
        .chain(world.nodes.keys().cloned().map(Key::Node))
        .chain(world.pods.keys().cloned().map(Key::Pod))
        .chain(world.systems.keys().cloned().map(Key::System))
        .chain(world.dues.keys().copied().map(Key::Due));
    std::iter::once(Record::Seed(world.seed)).chain(keys.map(|key| record(world, key))).collect()
}

fn take_in(world: &mut World, record: Record<'_>) {
    match record {
        Record::Seed(seed) => world.seed = seed,
        Record::Common(common) => {
            // What has records of its own is not in this one.
            let Common { secrets, built, .. } = std::mem::take(&mut world.common);
            world.common = Common { secrets, built, ..common.into_owned() };
        }
        Record::Count(count) => world.common.count = count,
        Record::Secrets(secrets) => world.common.secrets = secrets.into_owned(),
        Record::Built(path) => {
            world.common.built.insert(path);
        }
        Record::Metal(_, Some(metal)) => world.add_metal(metal.into_owned()),
        Record::Metal(name, None) => world.remove_metal(&name),
        Record::Node(name, Some(node)) => world.add_node(&name, node.into_owned()),
        Record::Node(name, None) => world.remove_node(&name),
        Record::Pod(_, Some(pod)) => world.add_pod(pod.into_owned()),
        Record::Pod(name, None) => world.remove_pod(&name),
        Record::System(path, value) => {
            if let Some(kind) = value {
                world.systems.insert(path, kind.into_owned());
            }
        }
        Record::Due(at, id, Some(due)) => {
            world.dues.insert((at, id), due.into_owned());
        }
        Record::Due(at, id, None) => {
            world.dues.remove(&(at, id));
        }
    }
}
