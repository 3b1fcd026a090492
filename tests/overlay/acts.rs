//! Random strategies in; what somebody does to a tree, and to an upper that is not mounted, out.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use lodger::upper::mark::Marks;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Stack, set_attribute};
use crate::node;

/// What somebody does to a tree. Much of it fails, as it does for programs; then nothing has changed.
#[derive(Debug, Clone)]
pub enum Act {
    Write(PathBuf, u8),
    Touch(PathBuf),
    Remove(PathBuf),
    Directory(PathBuf),
    Symlink(PathBuf, u8),
    Pipe(PathBuf),
    Mode(PathBuf, u32),
    Owner(PathBuf, u32),
    Attribute(PathBuf, u8),
    Rename(PathBuf, PathBuf),
    Link(PathBuf, PathBuf),
}

impl Act {
    /// Whether an inode that was there is then at a place where it was not.
    pub fn gives_another_place(&self) -> bool {
        matches!(self, Act::Rename(..) | Act::Link(..))
    }

    pub fn on(&self, tree: &Path) {
        let at = |path: &PathBuf| tree.join(path);
        // What fails is part of the game.
        let _ = match self {
            Act::Write(path, byte) => open(
                &at(path),
                OpenOptions::new().write(true).create(true).truncate(true),
            )
            .and_then(|mut file| file.write_all(&[*byte; 3])),
            // Copies it up, and leaves it as it is.
            Act::Touch(path) => open(&at(path), OpenOptions::new().append(true))
                .and_then(|mut file| file.write_all(b"")),
            Act::Remove(path) => {
                fs::remove_dir_all(at(path)).or_else(|_| fs::remove_file(at(path)))
            }
            Act::Directory(path) => fs::create_dir(at(path)),
            Act::Symlink(path, byte) => symlink(format!("{byte}"), at(path)),
            Act::Pipe(path) => mkfifo(&at(path), Mode::S_IRWXU).map_err(Into::into),
            Act::Mode(path, mode) => match fs::symlink_metadata(at(path)) {
                Ok(found) if !found.is_symlink() => {
                    fs::set_permissions(at(path), fs::Permissions::from_mode(*mode))
                }
                _ => Ok(()),
            },
            Act::Owner(path, id) => std::os::unix::fs::lchown(at(path), Some(*id), Some(*id)),
            Act::Attribute(path, byte) => {
                set_attribute(&at(path), "user.test", &[*byte]).map_err(Into::into)
            }
            Act::Rename(from, to) => fs::rename(at(from), at(to)),
            Act::Link(from, to) => fs::hard_link(at(from), at(to)),
        };
    }
}

/// Does not wait for whoever opens the other end of a pipe.
fn open(path: &Path, how: &mut OpenOptions) -> std::io::Result<fs::File> {
    how.custom_flags(nix::libc::O_NONBLOCK).open(path)
}

/// Marks that other programs, or other mounts, may have left in an upper while it was not mounted.
#[derive(Debug, Clone)]
pub enum Left {
    Opaque(PathBuf),
    Whiteout(PathBuf),
    AttributeWhiteout(PathBuf),
    /// Of the other set, which the mount does not read.
    Foreign(PathBuf),
}

impl Left {
    pub fn on(&self, stack: &Stack, marks: Marks) {
        let at = |path: &PathBuf| stack.upper.join(path);
        match self {
            Left::Opaque(path) if at(path).is_dir() && !at(path).is_symlink() => {
                stack.mark(&at(path), "opaque", b"y");
            }
            Left::Whiteout(path) => {
                let _ = mknod(&at(path), SFlag::S_IFCHR, Mode::empty(), makedev(0, 0));
            }
            Left::AttributeWhiteout(path) => {
                if fs::File::create_new(at(path)).is_ok() {
                    stack.mark(&at(path), "whiteout", b"");
                    let parent = at(path).parent().expect("it is below").to_path_buf();
                    if !is_opaque(&parent, marks) {
                        stack.mark(&parent, "opaque", b"x");
                    }
                }
            }
            Left::Foreign(path) if at(path).is_dir() && !at(path).is_symlink() => {
                let name = match marks {
                    Marks::Trusted => "user.overlay.opaque",
                    Marks::User => "trusted.overlay.opaque",
                };
                set_attribute(&at(path), name, b"y").expect("an attribute");
            }
            Left::Opaque(_) | Left::Foreign(_) => {}
        }
    }
}

fn is_opaque(path: &Path, marks: Marks) -> bool {
    marks.of(&node(path)).expect("marks").opaque
}

pub fn path() -> impl Strategy<Value = PathBuf> {
    let name = prop::sample::select(vec!["a", "b", "c", "\u{e9}\n"]);
    vec(name, 1..=3).prop_map(|names| names.iter().collect())
}

pub fn act() -> impl Strategy<Value = Act> {
    let mode = prop::sample::select(vec![0o700, 0o755, 0o4755, 0o000]);
    prop_oneof![
        4 => (path(), 0..3u8).prop_map(|(path, byte)| Act::Write(path, byte)),
        2 => path().prop_map(Act::Touch),
        4 => path().prop_map(Act::Remove),
        5 => path().prop_map(Act::Directory),
        1 => (path(), 0..2u8).prop_map(|(path, byte)| Act::Symlink(path, byte)),
        1 => path().prop_map(Act::Pipe),
        2 => (path(), mode).prop_map(|(path, mode)| Act::Mode(path, mode)),
        1 => (path(), 0..2u32).prop_map(|(path, id)| Act::Owner(path, id)),
        1 => (path(), 0..2u8).prop_map(|(path, byte)| Act::Attribute(path, byte)),
        3 => (path(), path()).prop_map(|(from, to)| Act::Rename(from, to)),
        1 => (path(), path()).prop_map(|(from, to)| Act::Link(from, to)),
    ]
}

pub fn left() -> impl Strategy<Value = Left> {
    prop_oneof![
        path().prop_map(Left::Opaque),
        path().prop_map(Left::Whiteout),
        path().prop_map(Left::AttributeWhiteout),
        path().prop_map(Left::Foreign),
    ]
}
