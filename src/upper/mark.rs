//! A file of an upper in; the marks that overlayfs left on it, and its other extended attributes, out.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::path::Path;

use nix::NixPath;
use nix::errno::Errno;
use nix::libc;

use super::node::{Kind, Node};

/// Whose attributes an overlay takes for marks. The other set means nothing to it: a container may write `user.overlay.opaque`
/// into its upper as it likes where the mount reads `trusted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// `trusted.overlay.*`.
    Trusted,
    /// `user.overlay.*`: mounted with `userxattr`, as systemd does for `RootMStack=`.
    User,
}

/// What the marks of a directory or file mean (overlayfs.rst).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Marked {
    /// The path does not exist.
    pub whiteout: bool,
    /// A directory that shows nothing of the lower.
    pub opaque: bool,
    /// See [`super::Entry::refused`].
    pub refused: Option<&'static str>,
}

/// The most that is read of one attribute, and of the list of all: more than the kernel lets anybody store (XATTR_SIZE_MAX).
const MOST_BYTES: usize = 65_536;

impl Marks {
    fn prefix(self) -> &'static str {
        match self {
            Marks::Trusted => "trusted.overlay.",
            Marks::User => "user.overlay.",
        }
    }

    /// The marks of `node`.
    ///
    /// # Errors
    /// Those of getxattr(2).
    pub fn of(self, node: &Node) -> Result<Marked, Errno> {
        let mut marked = Marked::default();
        let Some(link) = node.link() else {
            return Ok(marked);
        };
        match node.kind {
            Kind::Device => marked.whiteout = node.device == 0 && is_character(node.mode),
            Kind::File => {
                marked.whiteout = node.size == 0 && self.get(&link, "whiteout")?.is_some();
                marked.refused = self.get(&link, "metacopy")?.map(|_| "metacopy");
            }
            Kind::Directory => {
                // The kernel takes one byte, and only this one: "x" says that there are whiteouts of the other kind in it.
                marked.opaque = self.get(&link, "opaque")?.as_deref() == Some(b"y");
                marked.refused = self.get(&link, "redirect")?.map(|_| "redirect");
            }
            Kind::Symlink | Kind::Pipe | Kind::Socket => {}
        }
        Ok(marked)
    }

    fn get(self, link: &Path, mark: &str) -> Result<Option<Vec<u8>>, Errno> {
        let name = CString::new(format!("{}{mark}", self.prefix())).map_err(|_| Errno::EINVAL)?;
        get(link, &name)
    }
}

fn is_character(mode: u32) -> bool {
    mode & libc::S_IFMT == libc::S_IFCHR
}

/// The attributes of a node, without the marks of overlayfs, of either set.
///
/// # Errors
/// Those of listxattr(2) and getxattr(2).
pub fn attributes(node: &Node) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Errno> {
    let mut attributes = BTreeMap::new();
    // What a mask puts in has none.
    let Some(link) = node.link() else {
        return Ok(attributes);
    };
    for name in list(&link)?
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let is_mark = [Marks::Trusted, Marks::User]
            .iter()
            .any(|marks| name.starts_with(marks.prefix().as_bytes()));
        let name_z = CString::new(name).map_err(|_| Errno::EINVAL)?;
        if let (false, Some(value)) = (is_mark, get(&link, &name_z)?) {
            attributes.insert(name.to_vec(), value);
        }
    }
    Ok(attributes)
}

#[allow(unsafe_code, reason = "neither std nor nix 0.31 has getxattr(2)")]
fn get(link: &Path, name: &CStr) -> Result<Option<Vec<u8>>, Errno> {
    let mut value = vec![0u8; MOST_BYTES];
    let result = link.with_nix_path(|path| {
        // SAFETY: path and name are NUL-terminated, and value is writable for its length, all for the time of the call.
        unsafe {
            libc::getxattr(
                path.as_ptr(),
                name.as_ptr(),
                value.as_mut_ptr().cast(),
                value.len(),
            )
        }
    })?;
    match Errno::result(result) {
        Ok(length) => {
            value.truncate(usize::try_from(length).unwrap_or(0));
            Ok(Some(value))
        }
        Err(Errno::ENODATA | Errno::EOPNOTSUPP) => Ok(None),
        Err(cause) => Err(cause),
    }
}

#[allow(unsafe_code, reason = "neither std nor nix 0.31 has listxattr(2)")]
fn list(link: &Path) -> Result<Vec<u8>, Errno> {
    let mut names = vec![0u8; MOST_BYTES];
    let result = link.with_nix_path(|path| {
        // SAFETY: the path is NUL-terminated, and names is writable for its length, both for the time of the call.
        unsafe { libc::listxattr(path.as_ptr(), names.as_mut_ptr().cast(), names.len()) }
    })?;
    match Errno::result(result) {
        Ok(length) => {
            names.truncate(usize::try_from(length).unwrap_or(0));
            Ok(names)
        }
        Err(Errno::EOPNOTSUPP) => Ok(Vec::new()),
        Err(cause) => Err(cause),
    }
}
