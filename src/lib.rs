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

pub mod bus;
pub mod container;
pub mod dpkg;
pub mod log;
pub mod mark;
pub mod pidfd;
pub mod place;
pub mod refresh;
pub mod root;
pub mod serve;
pub mod stale;
pub mod state_file;
pub mod stop;
pub mod systemd;
