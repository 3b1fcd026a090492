//! One process of a container in; what it maps, runs and has open, added to what was found.
//!
//! Most processes run nothing but what the host has. For those a look at what they map is enough: files with the very inodes
//! that the host has at these paths now. Mount tables, which the kernel is slow to write, are read for others only.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;

use anyhow::Result;
use nix::libc;

use super::census::Fate;
use super::maps::{self, Mapping};
use super::process::{Buffer, Process};
use super::trees::Tree;
use super::view::{Root, View};
use super::{Depth, MOST_BYTES, MOST_VIEWS, Scanner, Subject};
use crate::refresh::interpreter::{self, Interpreter};
use crate::root::seen;
use crate::service::mstack;

/// The most page faults that systemd's own helpers are thought to leave behind in process 1 of a root that it stacks: systemd
/// 262 has four, with 142 to 152 in all. One child of the payload brings that above 200.
const MOST_FAULTS_OF_HELPERS: u64 = 200;

/// A process that is looked at.
pub(super) struct Sight<'a> {
    pub(super) pid: i32,
    pub(super) process: &'a Process,
    /// Whether it is really in the container's control group, once that was looked at.
    is_member: Cell<Option<bool>>,
}

impl<'a> Sight<'a> {
    pub(super) fn of(pid: i32, process: &'a Process) -> Self {
        Self {
            pid,
            process,
            is_member: Cell::new(None),
        }
    }
}

impl Scanner {
    /// Whether the process is one of the container's payload, and not systemd's own, still or only on the host's root.
    pub(super) fn look_into(
        &mut self,
        subject: &mut Subject<'_>,
        sight: &Sight<'_>,
    ) -> Result<bool> {
        if sight.process.root() == self.trees.identity() {
            return Ok(false);
        }
        if !self.finds_base_at_once(subject, sight) {
            let view = self.view(subject, sight)?;
            if let Root::Unknown = view.root {
                return self.add_stranger(subject, sight);
            }
            subject.found.base.clone_from(&view.base);
        }
        let libraries = self.look_at_maps(subject, sight)?;
        if subject.depth == Depth::All {
            self.look_at_programs(subject, sight, libraries)?;
            self.look_at_open_files(subject, sight)?;
        }
        Ok(true)
    }

    fn finds_base_at_once(&self, subject: &mut Subject<'_>, sight: &Sight<'_>) -> bool {
        let root = sight.process.root();
        if subject.at_once.len() < MOST_VIEWS {
            subject.at_once.push(sight.pid);
        }
        if let Some(base) = subject.bases.get(&root) {
            subject.found.base = Some(base.clone());
            return true;
        }
        let Some(base) = self.bases.base_at_once(sight.process, root) else {
            return false;
        };
        subject.found.base = Some(base.clone());
        subject.bases.insert(root, base.clone());
        true
    }

    /// One on a root that is not the container's. It may be understood when more is known.
    fn add_stranger(&mut self, subject: &mut Subject<'_>, sight: &Sight<'_>) -> Result<bool> {
        if !self.is_member(subject, sight)? {
            return Ok(false);
        }
        if !subject.have_all_come {
            subject.elsewhere.push(sight.pid);
            return Ok(false);
        }
        let why = "its root is not the container's".to_owned();
        let program = sight.process.program().ok();
        subject.found.add_unknown(sight.pid, program, why);
        Ok(true)
    }

    /// Its number may have come to another process between listing and opening. That matters only when something is wrong.
    pub(super) fn is_member(&mut self, subject: &Subject<'_>, sight: &Sight<'_>) -> Result<bool> {
        if let Some(is_member) = sight.is_member.get() {
            return Ok(is_member);
        }
        let is_member = sight.process.is_in(subject.cgroup, &mut self.text)?;
        sight.is_member.set(Some(is_member));
        Ok(is_member)
    }

    /// Remembers what the process sees.
    pub(super) fn add_view(&mut self, subject: &mut Subject<'_>, sight: &Sight<'_>) -> Result<()> {
        self.view(subject, sight).map(drop)
    }

    pub(super) fn view(
        &mut self,
        subject: &mut Subject<'_>,
        sight: &Sight<'_>,
    ) -> Result<Rc<View>> {
        let root = sight.process.root();
        let mounts = sight.process.mounts()?;
        if let Some(view) = subject.views.get(&(mounts, root)) {
            return Ok(Rc::clone(view));
        }
        let (bases, text) = (&self.bases, &mut self.text);
        let view = Rc::new(bases.view(subject.name, sight.process, root, text)?);
        if let Root::Unknown = view.root {
            // A process that called chroot(2) sees less of the same mounts.
            let mut others = subject.views.iter();
            let other = others.find(|((of, _), _)| *of == mounts);
            return Ok(other.map_or(view, |(_, other)| Rc::clone(other)));
        }
        subject.views.insert((mounts, root), Rc::clone(&view));
        Ok(view)
    }

    /// The libraries of interpreters among what is mapped.
    fn look_at_maps(
        &mut self,
        subject: &mut Subject<'_>,
        sight: &Sight<'_>,
    ) -> Result<Vec<PathBuf>> {
        let file = sight.process.file("maps")?;
        let is_named = matches!(subject.depth, Depth::Files(_));
        if subject.bases.contains_key(&sight.process.root()) && !is_named {
            let (device, _) = sight.process.root();
            if let Some(libraries) = self.current.libraries_mapped(&file, device) {
                return Ok(libraries);
            }
        }
        // The scanner is needed while the text is; an empty buffer costs nothing.
        let mut maps = std::mem::replace(&mut self.maps, Buffer::new(MOST_BYTES));
        let result = maps.fill(file);
        let libraries = result.and_then(|()| self.judge_maps(subject, sight, &maps));
        self.maps = maps;
        libraries
    }

    fn judge_maps(
        &mut self,
        subject: &mut Subject<'_>,
        sight: &Sight<'_>,
        maps: &Buffer,
    ) -> Result<Vec<PathBuf>> {
        let mut libraries = Vec::new();
        subject.bytes += maps.text().len();
        if maps.is_full() {
            let why = "too many mappings to look at".to_owned();
            subject.found.add_unknown(sight.pid, None, why);
            return Ok(libraries);
        }
        for mapping in maps::mappings(maps.text()) {
            if subject.depth == Depth::All && interpreter::is_library(mapping.path()) {
                libraries.push(mapping.path().to_path_buf());
            }
            if self.is_plainly_current(sight, &mapping)? {
                if let Depth::Files(wanted) = subject.depth {
                    let number = wanted.get(mapping.path());
                    let fate = number.map(|number| (*number, Fate::New));
                    subject.found.add_fate(sight.pid, fate);
                }
                continue;
            }
            let view = self.view(subject, sight)?;
            let stale = self.stale_path(sight.process, &view, &mapping)?;
            if stale.is_some() && !self.is_member(subject, sight)? {
                break;
            }
            if let Depth::Files(wanted) = subject.depth {
                let fate = self.fate(&view, &mapping, stale.as_deref(), wanted)?;
                subject.found.add_fate(sight.pid, fate);
            }
            let Some(path) = stale else {
                continue;
            };
            subject.found.add_mapped(sight.pid, path);
            if subject.depth == Depth::Code {
                break;
            }
        }
        Ok(libraries)
    }

    /// Whether it is the very file that the host has there, or nothing of the container's root.
    fn is_plainly_current(&mut self, sight: &Sight<'_>, mapping: &Mapping<'_>) -> Result<bool> {
        let (device, _) = sight.process.root();
        if mapping.device != (libc::major(device), libc::minor(device)) {
            return Ok(!seen::is_seen(mapping.path()));
        }
        let tree = self.trees.usual();
        let node = self.trees.node(tree, mapping.path())?;
        let is_current = node.is_some_and(|node| node.is_the_hosts && node.inode == mapping.inode);
        // What a base shares with the host is on the filesystem of all bases, where a number is one file.
        if is_current && tree == Tree::CurrentBase {
            self.current.add(mapping.inode, mapping.path());
        }
        Ok(is_current)
    }

    fn look_at_programs(
        &mut self,
        subject: &mut Subject<'_>,
        sight: &Sight<'_>,
        libraries: Vec<PathBuf>,
    ) -> Result<()> {
        let program = sight.process.program()?;
        let interprets = !libraries.is_empty() || Interpreter::of(&program).is_some();
        let has_run_others = interprets && self.has_run_others(subject, sight)?;
        for path in libraries.iter().chain([&program]) {
            subject.found.add_program(sight.pid, path, has_run_others);
        }
        Ok(())
    }

    /// Whether it had children that have ended and were its own, and not those of systemd, which stacked its root before.
    fn has_run_others(&mut self, subject: &Subject<'_>, sight: &Sight<'_>) -> Result<bool> {
        let faults = sight.process.faults_of_children(&mut self.text)?;
        Ok(match faults {
            Some(0) => false,
            Some(faults) if faults <= MOST_FAULTS_OF_HELPERS => {
                !(mstack::stack(subject.name).exists() && sight.process.is_first(&mut self.text)?)
            }
            _ => true,
        })
    }
}
