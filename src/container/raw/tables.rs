//! Every directive of `[Unit]` and `[Service]` of systemd 257, and what may be done with it.
//!
//! `tests/directives/known` holds their names as `systemd --dump-configuration-items` prints them; a test compares.
//! `accepted` beside it has a value for each that can be set, `refused` values that systemd 257 ignores; the system test `raw` asks it.

mod resources;
mod run;
mod service;
mod unit;

pub use resources::RESOURCES;
pub use run::RUN;
pub use service::SERVICE;
pub use unit::UNIT;

// Reasons that more than one table gives.

const PROFILE: &str = "isolation is set by the profile of the container";
const HOST_FILES: &str = "it reaches for files of the host";
const LIMITLESS: &str = "a container that a refresh restarts often would be left failed; lodger slows restarts down by itself";
const POWER: &str = "what runs in a container could end the host by ending itself";
const REAL_TIME: &str = "real-time priority can starve the host";
const STOP: &str = "lodger stops what runs in a container by itself";
