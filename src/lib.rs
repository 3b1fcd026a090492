//! lodger: application containers whose root is the host's own root.
//!
//! There are two flows and nothing else; what lies between the first and the last arrow of each is pure.
//!
//! ```text
//! boot, daemon-reload:  files -> text -> Container -> Unit -> tree on disk
//!                       search   file     service     generate
//! dpkg has finished:    mark -> changed packages -> plan -> jobs -> verify -> report
//!                       mark    dpkg                refresh  systemd  stale     refresh::report
//! ```
//!
//! Between them, at every start of a container, [`root`] mounts a fresh root, and [`stop`] ends the one before, in a refresh by way of
//! [`stops`]; [`inside`] runs a command in a running one.

// Both flows: what a container is, and where things lie.
pub mod container;
pub mod place;

// Container files to units. The generator links nothing but these.
pub mod diagnostic;
pub mod document;
pub mod exact_path;
pub mod file_status;
pub mod generate;
pub mod kmsg;
pub mod prefix;
pub mod service;
pub mod settings;
mod sorted;
pub mod systemd_version;
pub mod unit;

// What the units call at every start and stop.
pub mod account;
pub mod cgroup;
pub mod health;
pub mod hold;
pub mod host;
pub mod inside;
pub mod isolation;
pub mod main_process;
pub mod notify;
pub mod pidfd;
pub mod reload;
pub mod root;
pub mod signal;
pub mod stop;

// The trees that containers share.
pub mod base;
// What a container wrote, and how it goes away again.
pub mod reset;
pub mod shadow;
pub mod upper;

// What people and editors are told of the format.
pub mod reference;
pub mod schema;

// The refresh.
pub mod analyze;
pub mod bus;
pub mod dpkg;
pub mod log;
pub mod mark;
pub mod refresh;
pub mod rollback;
pub mod serve;
pub mod stale;
pub mod state_file;
pub mod status;
pub mod stops;
pub mod systemd;
pub mod threads;
pub mod until;
pub mod why;
pub mod window;
