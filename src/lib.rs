//! lodger: application containers whose root is the host's own root.
//!
//! There are two flows and nothing else; what lies between the first and the last arrow of each is pure.
//!
//! ```text
//! boot, daemon-reload:  files -> text -> Container -> Unit -> tree on disk
//!                       search   file     service     generate
//! dpkg has finished:    mark -> changed packages -> plan -> jobs -> verify -> report
//!                       dpkg    dpkg               refresh  systemd  stale     refresh::report
//! ```
//!
//! Between them, at every start of a container, [`root`] mounts a fresh root.

pub mod container;
pub mod diagnostic;
pub mod document;
pub mod generate;
pub mod kmsg;
pub mod place;
pub mod prefix;
pub mod service;
pub mod settings;
pub mod unit;
