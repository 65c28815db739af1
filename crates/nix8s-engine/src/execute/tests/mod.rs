//! What carrying out keeps to: order, lanes, consent, stopping, and the record.

mod effects;
mod order;
mod scripts;
