//! What a container sees as `/`: a request in, a fresh mount on `/run/lodger/roots/NAME` out.
//!
//! Every start of a container mounts its root anew (`ExecStartPre=+lodgerd mount`), systemd pivots the payload into it
//! (`RootDirectory=`), and `ExecStartPost=+lodgerd unmount` takes it off the host's mount table again. From then on the
//! service's own mount namespace holds the only copy, so it dies with the service, and whoever starts the service next,
//! be it `systemctl restart`, `Restart=on-failure` or a refresh, gets a mount of the base as it is then. PID 1 has no
//! mount job to run and the host's table stays short, which later starts would otherwise pay for.
//!
//! ```text
//! base -> what of it may be seen -> mask layer -> overlay(s) on the root
//!         seen                      mask          overlay, submounts
//! ```
//!
//! Between the base and the container lies a *mask*: a lower layer of whiteouts and opaque directories on a tmpfs that
//! takes away what the base has but a container must not see. It is a lower, so root inside cannot take it off again,
//! and the upper holds nothing but what the container itself wrote.

pub mod attributes;
pub mod bind;
pub mod detached;
pub mod discard;
pub mod live;
pub mod lower;
pub mod mask;
pub mod mount;
pub mod overlay;
pub mod own_vars;
pub mod prepare;
pub mod program;
pub mod queue;
pub mod read_only;
pub mod seen;
pub mod skeleton;
pub mod stack;
pub mod submounts;
pub mod sweep;
pub mod volume;
pub mod writable;
pub mod xattr;

pub use mount::{MountRequest, mount, unmount};
