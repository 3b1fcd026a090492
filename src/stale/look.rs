//! One process of a container in; what it maps, runs and has open, added to what was found.

use std::path::PathBuf;
use std::rc::Rc;

use anyhow::Result;

use super::maps::{self, Mapping};
use super::open_files::OpenFiles;
use super::process::{Buffer, Identity, Process};
use super::view::{Root, View};
use super::{Depth, MOST_DESCRIPTORS, Scanner, Subject};
use crate::refresh::interpreter::{self, Interpreter};

impl Scanner {
    /// Whether the process is one of the container's payload, and not systemd's own, still or only on the host's root.
    pub(super) fn look_into(
        &mut self,
        subject: &mut Subject<'_>,
        pid: i32,
        process: &Process,
    ) -> Result<bool> {
        let root = process.root()?;
        if root == self.trees.identity() || !process.is_in(subject.cgroup, &mut self.text)? {
            return Ok(false);
        }
        let view = self.view(subject, process, root)?;
        if let Root::Unknown = view.root {
            if !subject.have_all_come {
                subject.elsewhere.push(pid);
                return Ok(false);
            }
            let why = "its root is not the container's".to_owned();
            subject.found.add_unknown(pid, process.program().ok(), why);
            return Ok(true);
        }
        subject.found.base.clone_from(&view.base);
        let libraries = self.look_at_maps(subject, pid, process, &view)?;
        if subject.depth == Depth::All {
            self.look_at_programs(subject, pid, process, libraries)?;
            self.look_at_open_files(subject, pid, process, &view)?;
        }
        Ok(true)
    }

    fn view(
        &mut self,
        subject: &mut Subject<'_>,
        process: &Process,
        root: Identity,
    ) -> Result<Rc<View>> {
        let key = (process.mounts()?, root);
        if let Some(view) = subject.views.get(&key) {
            return Ok(Rc::clone(view));
        }
        let view = self
            .bases
            .view(subject.name, process, root, &mut self.text)?;
        let view = match view.root {
            Root::Unknown => {
                let mut others = subject.views.iter();
                let other = others.find(|((mounts, _), _)| *mounts == key.0);
                return Ok(other.map_or(Rc::new(view), |(_, other)| Rc::clone(other)));
            }
            _ => Rc::new(view),
        };
        subject.views.insert(key, Rc::clone(&view));
        Ok(view)
    }

    /// The libraries of interpreters among what is mapped.
    fn look_at_maps(
        &mut self,
        subject: &mut Subject<'_>,
        pid: i32,
        process: &Process,
        view: &View,
    ) -> Result<Vec<PathBuf>> {
        // Looking up paths takes the buffer's owner; it is put back below.
        let mut text = std::mem::take(&mut self.text);
        let result = process.read("maps", &mut text);
        let libraries = result.and_then(|()| self.judge_maps(subject, pid, view, &text));
        self.text = text;
        libraries
    }

    fn judge_maps(
        &mut self,
        subject: &mut Subject<'_>,
        pid: i32,
        view: &View,
        text: &Buffer,
    ) -> Result<Vec<PathBuf>> {
        let mut libraries = Vec::new();
        subject.bytes += text.text().len();
        if text.is_full() {
            let why = "too many mappings to look at".to_owned();
            subject.found.add_unknown(pid, None, why);
            return Ok(libraries);
        }
        for mapping in maps::mappings(text.text()) {
            if subject.depth == Depth::All && interpreter::is_library(mapping.path()) {
                libraries.push(mapping.path().to_path_buf());
            }
            let stale = self.stale_path(view, &mapping)?;
            if let Depth::Files(wanted) = subject.depth {
                let fate = self.fate(view, &mapping, stale.as_deref(), wanted)?;
                subject.found.add_fate(pid, fate);
            }
            if let Some(path) = stale {
                subject.found.add_mapped(pid, path);
                if subject.depth == Depth::Code {
                    break;
                }
            }
        }
        Ok(libraries)
    }

    fn look_at_programs(
        &mut self,
        subject: &mut Subject<'_>,
        pid: i32,
        process: &Process,
        libraries: Vec<PathBuf>,
    ) -> Result<()> {
        let program = process.program()?;
        let interprets = !libraries.is_empty() || Interpreter::of(&program).is_some();
        let has_run_others = interprets && process.has_reaped(&mut self.text)?;
        for path in libraries.iter().chain([&program]) {
            subject.found.add_program(pid, path, has_run_others);
        }
        Ok(())
    }

    fn look_at_open_files(
        &mut self,
        subject: &mut Subject<'_>,
        pid: i32,
        process: &Process,
        view: &View,
    ) -> Result<()> {
        let files = OpenFiles::of(process)?;
        let most = MOST_DESCRIPTORS.saturating_sub(subject.descriptors);
        let (descriptors, is_all) = files.descriptors(most)?;
        subject.descriptors += descriptors.len();
        if !is_all {
            let why = "too many open files to look at".to_owned();
            subject
                .found
                .add_undecided(pid, process.program().ok(), why);
        }
        for descriptor in descriptors {
            if let Some(path) = self.stale_open_file(view, &files, &descriptor)? {
                subject.found.add_open(pid, path);
            }
        }
        Ok(())
    }

    fn stale_open_file(
        &mut self,
        view: &View,
        files: &OpenFiles<'_>,
        descriptor: &[u8],
    ) -> Result<Option<PathBuf>> {
        let Some(name) = files
            .name(descriptor)
            .filter(|name| maps::may_be_seen(name))
        else {
            return Ok(None);
        };
        let Some(place) = files.place(descriptor, &mut self.text) else {
            return Ok(None);
        };
        let Some(mount) = view.mounts.iter().find(|mount| mount.id == place.mount) else {
            return Ok(None);
        };
        let mapping = Mapping {
            device: mount.device,
            inode: place.inode,
            name: &name,
        };
        let path = self.stale_path(view, &mapping)?;
        // A directory of a base is never that of another one.
        Ok(path.filter(|_| files.is_regular(descriptor)))
    }
}
