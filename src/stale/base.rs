//! A container's control group in; the number of the base it runs on, out. No mapping is looked at.

use anyhow::Result;

use super::process::{Process, has_ended};
use super::view::Root;
use super::{MOST_PROCESSES, Scanner};
use crate::cgroup::Group;
use crate::container::Name;

/// The most processes that are asked: those that called chroot(2) do not tell.
const MOST_ASKED: usize = 16;

impl Scanner {
    /// The number of the base that the container `name` runs on; `None` on the live host, and if that cannot be told.
    ///
    /// # Errors
    /// When the control group cannot be read.
    pub fn base(&mut self, name: &Name, cgroup: &str) -> Result<Option<String>> {
        let mut group = Group::of(cgroup);
        let mut pids = group.own_processes(MOST_PROCESSES)?;
        pids.extend(group.processes_below(MOST_PROCESSES)?);
        for pid in pids.into_iter().take(MOST_ASKED) {
            match self.base_of(name, cgroup, pid) {
                Ok(Some(base)) => return Ok(base),
                Ok(None) => {}
                Err(cause) if has_ended(&cause) => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(None)
    }

    /// `None` if that process does not tell.
    fn base_of(&mut self, name: &Name, cgroup: &str, pid: i32) -> Result<Option<Option<String>>> {
        let process = Process::open(pid)?;
        let root = process.root();
        if root == self.trees.identity() || !process.is_in(cgroup, &mut self.text)? {
            return Ok(None);
        }
        let view = self.bases.view(name, &process, root, &mut self.text)?;
        Ok(match view.root {
            Root::Unknown => None,
            Root::Base | Root::Overlays(_) => Some(view.base),
        })
    }
}
