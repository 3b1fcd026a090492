//! A directory in; a mount namespace with a tmpfs on it, and the real overlays of a container in that, out.

use std::ffi::CString;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use lodger::root::mask::Mask;
use lodger::upper::mark::Marks;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

pub mod acts;

/// Runs `test` as root in a mount namespace of its own, with an empty tmpfs. Whoever may not do that is told so, loudly; and
/// where `CI` is set the test has failed.
pub fn in_namespace(test: impl FnOnce(&Path) + Send + 'static) {
    let thread = std::thread::spawn(move || {
        let none: Option<&Path> = None;
        let directory = tempfile::tempdir().expect("a directory");
        let ready = unshare(CloneFlags::CLONE_NEWNS)
            .and_then(|()| mount(none, "/", none, MsFlags::MS_PRIVATE | MsFlags::MS_REC, none))
            .and_then(|()| {
                mount(
                    none,
                    directory.path(),
                    Some("tmpfs"),
                    MsFlags::empty(),
                    none,
                )
            });
        match ready {
            Ok(()) => test(directory.path()),
            Err(cause) => skip(&format!("it needs root, and mounts: {cause}")),
        }
        // The directory can be removed only without the mount on it.
        let _ = umount2(directory.path(), MntFlags::MNT_DETACH);
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn skip(why: &str) {
    // Not by eprintln!, which the test harness keeps to itself.
    let name = std::env::args().next().unwrap_or_default();
    let _ = writeln!(std::io::stderr(), "*** NOT TESTED: {name}: {why}");
    assert!(std::env::var_os("CI").is_none(), "not tested: {why}");
}

/// The directories that one container's overlay is made of.
pub struct Stack {
    pub lower: PathBuf,
    pub upper: PathBuf,
    /// What the container sees.
    pub merged: PathBuf,
    /// What it would see with an empty upper.
    pub bare: PathBuf,
    work: PathBuf,
    mask: PathBuf,
    marks: Marks,
}

impl Stack {
    pub fn new(at: &Path, mask: &Mask, marks: Marks) -> Self {
        let [lower, upper, merged, bare, work, masks] =
            ["lower", "upper", "merged", "bare", "work", "masks"].map(|name| {
                let directory = at.join(name);
                fs::create_dir_all(&directory).expect("a directory");
                directory
            });
        let none: Option<&Path> = None;
        // A lower may not lie inside another, nor beside it on the same filesystem for some kernels.
        mount(none, &masks, Some("tmpfs"), MsFlags::empty(), none).expect("a tmpfs");
        let mask = mask.layer(&masks).expect("a mask layer");
        Self {
            lower,
            upper,
            merged,
            bare,
            work,
            mask,
            marks,
        }
    }

    /// With the options that lodger's mounts have.
    pub fn mount(&self) {
        let user = match self.marks {
            Marks::Trusted => "",
            Marks::User => ",userxattr",
        };
        let lower = format!(
            "lowerdir={}:{}{user}",
            self.mask.display(),
            self.lower.display()
        );
        let options = format!(
            "{lower},upperdir={},workdir={},index=off,metacopy=off,xino=off,redirect_dir=nofollow",
            self.upper.display(),
            self.work.display(),
        );
        overlay(&self.merged, &options);
        overlay(&self.bare, &lower);
    }

    pub fn unmount(&self) {
        for place in [&self.merged, &self.bare] {
            umount2(place, MntFlags::empty()).expect("it is mounted and not busy");
        }
    }

    /// Sets a mark of overlayfs's in the upper.
    pub fn mark(&self, path: &Path, mark: &str, value: &[u8]) {
        let prefix = match self.marks {
            Marks::Trusted => "trusted",
            Marks::User => "user",
        };
        set_attribute(path, &format!("{prefix}.overlay.{mark}"), value).expect("a mark");
    }
}

fn overlay(at: &Path, options: &str) {
    mount(
        Some("overlay"),
        at,
        Some("overlay"),
        MsFlags::empty(),
        Some(options),
    )
    .expect(options);
}

#[allow(unsafe_code, reason = "neither std nor nix 0.31 has setxattr(2)")]
pub fn set_attribute(path: &Path, name: &str, value: &[u8]) -> Result<(), nix::Error> {
    let path = CString::new(path.as_os_str().as_bytes()).expect("no NUL");
    let name = CString::new(name).expect("no NUL");
    // SAFETY: path and name are NUL-terminated, and value is valid for its length, all for the time of the call.
    let result = unsafe {
        nix::libc::lsetxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_ptr().cast(),
            value.len(),
            0,
        )
    };
    nix::errno::Errno::result(result).map(drop)
}
