//! `lodgerd stops`: the containers that a refresh restarts in; each of them stopped as its own `ExecStop=` would, out, by one process
//! for all of them.
//!
//! A command of a unit costs systemd about as much as a start does, and `lodgerd stop` was a third of what a refresh took. What it
//! does (see [`crate::stop`]) needs no process of its own. It needs systemd to wait: not to run the command, and to send no signal
//! itself. That is what systemd does with a service that says `STOPPING=1` (sd_notify(3)), and whoever has `CAP_SYS_ADMIN` can say so
//! in the name of its main process (sd_pid_notify(3)). For each container:
//!
//! ```text
//! lodgerd                  lodgerd stops                 systemd
//! announce             ->  STOPPING=1                ->  deactivating (stop-sigterm), its stop timeout begins
//! is it so, and has nobody else a job for it?        ->
//! restart, unless there is a job                     ->  waits for its end, and starts it then
//! end                  ->  signal, wait, SIGKILL
//! ```
//!
//! Two processes, because lodgerd, which answers on the bus and reads what containers can influence, is to have neither that right nor
//! the one to send signals.
//!
//! Whatever is not as expected leaves the container to its own command ([`crate::systemd::StopCommand`] tells which has one that can
//! be spared). If lodgerd is killed after the announcement, systemd has a service that is stopping without a job, which nobody else
//! makes: the next lodgerd restarts it. If lodgerd is killed after the restart has been asked for, this process sees that there is a
//! job, and ends the container. If this process is killed, lodgerd has another one end it; what it was already about to end, and has
//! not yet, is left to the stop timeout of the unit.

mod announce;
mod client;
mod message;
mod server;

pub use client::Stops;
pub use server::serve;
