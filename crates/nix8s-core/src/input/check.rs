//! What must hold across keys: addresses that do not collide, machines that can exist, clusters that can work.

pub mod address;
pub mod anywhere;
pub mod cluster;
pub mod content;
pub mod identity;
pub mod level;
pub mod machine;
pub mod provisioning;
pub mod script;
pub mod version;
