//! That a container's program takes its stop signal, as lodgerd has seen of it while it ran, in; a note of that, out, and back.
//!
//! `lodgerd stop` finds it out anew at each stop, and that is half of what a restart costs with systemd 260 or newer, which
//! could stop such a program by itself. So lodgerd notes it whenever a refresh looks at what runs, and from the next
//! daemon-reload on the unit does without the command. A note can be wrong about a program that has changed since, or that has
//! only just been started and does not take its signal yet: then a stop takes the whole stop timeout, as it does of a program
//! that does not heed its signal. The next look takes away the note of one that has changed. There is no note of the opposite:
//! SIGKILL in its place would end programs at their work.
//!
//! The note is a link in the container's state, to the signal and to what is executed. It does not survive a change of these.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::taken::is_taken;
use crate::cgroup::{self, is_gone};
use crate::container::Container;
use crate::state_file;

/// The oldest systemd that waits for the main process of a service with `PrivatePIDs=`, see [`super`]: with an older one a note
/// is of no use.
pub const SINCE: u32 = 260;

/// The note, in the container's state.
const NOTE: &str = "takes-signal";
/// A note that has not got its name yet.
const NEW_NOTE: &str = ".new-takes-signal";
/// The main process is the oldest, and so one of the first.
const MOST_PROCESSES: usize = 64;

/// Whether `state`, the directory of the container's state, has a note that holds for it as it is now.
pub fn is_noted(container: &Container, state: &Path) -> bool {
    fs::read_link(state.join(NOTE)).is_ok_and(|found| found == text(container))
}

/// Looks at process 1 of `container`, which runs in the control group `group`, and notes in `state` what becomes of its stop
/// signal. Without one, or without a state, all stays as it is.
///
/// # Errors
/// When it cannot be looked at, or the note not be made.
pub fn note(container: &Container, group: &str, state: &Path) -> Result<()> {
    let Some(main) = process_1(group)? else {
        return Ok(());
    };
    let is_taken = is_taken(main, container.stop_signal)?;
    match (is_taken, is_noted(container, state)) {
        (true, false) => make(&text(container), state),
        (false, true) => state_file::remove(&state.join(NOTE)),
        (true, true) | (false, false) => Ok(()),
    }
}

/// Under its name at once, whatever was there.
pub(crate) fn make(text: &Path, state: &Path) -> Result<()> {
    let (new, note) = (state.join(NEW_NOTE), state.join(NOTE));
    state_file::remove(&new)?;
    let made = symlink(text, &new).and_then(|()| fs::rename(&new, &note));
    match made {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        made => made.with_context(|| format!("cannot make '{}'", note.display())),
    }
}

/// What the note says: the signal, and a number for what is executed (FNV-1a): the same on every machine and in every version.
pub(crate) fn text(container: &Container) -> PathBuf {
    let words = container.exec.iter();
    let bytes = words.flat_map(|word| word.bytes().chain([0]));
    let hash = [u8::from(container.init)]
        .into_iter()
        .chain(bytes)
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    PathBuf::from(format!("{}-{hash:016x}", container.stop_signal))
}

/// The process in the control group that is process 1 of a PID namespace.
///
/// # Errors
/// When they cannot be looked at.
pub fn process_1(group: &str) -> Result<Option<i32>> {
    for pid in cgroup::processes(group, MOST_PROCESSES)? {
        match fs::read_to_string(format!("/proc/{pid}/status")) {
            Ok(status) if is_process_1(&status) => return Ok(Some(pid)),
            Ok(_) => {}
            Err(cause) if is_gone(&cause) => {}
            Err(cause) => {
                return Err(cause).with_context(|| format!("cannot look at process {pid}"));
            }
        }
    }
    Ok(None)
}

/// Whether a process with this `/proc/PID/status` has the number 1 in its own PID namespace, and another one here
/// (proc_pid_status(5), "NSpid").
fn is_process_1(status: &str) -> bool {
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let mut numbers = numbers.unwrap_or_default().split_ascii_whitespace();
    let here = numbers.next();
    here.is_some() && numbers.next_back() == Some("1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::file::web as container;

    #[test]
    fn a_note_holds_for_one_signal_and_one_command() {
        let state = tempfile::tempdir().unwrap();
        let one = container("exec = [\"/bin/x\", \"ab\"]\n");
        assert!(!is_noted(&one, state.path()));
        make(&text(&one), state.path()).unwrap();
        assert!(is_noted(&one, state.path()));
        assert_eq!(text(&one), Path::new("SIGTERM-c9b973a22fd29dab"));
        for other in [
            "exec = [\"/bin/x\", \"a\", \"b\"]\n",
            "exec = [\"/bin/x\", \"ab\"]\ninit = true\n",
            "exec = [\"/bin/x\", \"ab\"]\nstop-signal = \"SIGQUIT\"\n",
        ] {
            assert!(!is_noted(&container(other), state.path()), "{other}");
        }
        make(&text(&container("exec = [\"/bin/y\"]\n")), state.path()).unwrap();
        assert!(!is_noted(&one, state.path()));
        let names = fs::read_dir(state.path()).unwrap();
        assert_eq!(names.count(), 1);
    }

    #[test]
    fn without_a_state_there_is_no_note() {
        let state = tempfile::tempdir().unwrap();
        make(Path::new("x"), &state.path().join("none")).unwrap();
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
    }

    #[test]
    fn process_1_is_told_by_its_numbers() {
        for (expected, status) in [
            (true, "Name:\tx\nNSpid:\t4711\t1\n"),
            (true, "NSpid:\t4711\t12\t1\n"),
            (false, "NSpid:\t4711\t12\n"),
            (false, "NSpid:\t1\n"),
            (false, "NSpid:\t1\t\n"),
            (false, "Name:\tNSpid:\n"),
            (false, ""),
        ] {
            assert_eq!(is_process_1(status), expected, "{status}");
        }
    }
}
