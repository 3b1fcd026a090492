//! A volume as the command line has it, in; its directory, made with owner and mode if it was not there, out.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::Path;

use anyhow::{Context, Result, bail};
use nix::fcntl::FlockArg;

use super::sweep::lock_directory;
use crate::account;
use crate::container::Name;

/// The name of a directory that is not a volume yet: no volume can have it.
const MAKING: &str = ".making";

/// Data that outlives the container: what its directory has to be when it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name, by the rule for containers' names.
    pub name: Name,
    /// The user it is made for, by name or number; root if there is none.
    pub user: Option<String>,
    /// The group, by name or number; the user's own if there is none.
    pub group: Option<String>,
    /// Permission bits.
    pub mode: u32,
}

impl Volume {
    /// `NAME[,owner=USER[:GROUP]][,mode=OCTAL]`, or what is wrong with it.
    ///
    /// # Errors
    /// For any other text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split(',');
        let mut volume = Self {
            name: Name::parse(words.next().unwrap_or_default())?,
            user: None,
            group: None,
            mode: 0o755,
        };
        for word in words {
            match word.split_once('=') {
                Some(("owner", owner)) => volume.set_owner(owner)?,
                Some(("mode", mode)) => volume.mode = parse_mode(mode)?,
                _ => {
                    return Err(format!(
                        "'{word}' is neither owner=USER[:GROUP] nor mode=OCTAL"
                    ));
                }
            }
        }
        Ok(volume)
    }

    fn set_owner(&mut self, owner: &str) -> Result<(), String> {
        let (user, group) = match owner.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (owner, None),
        };
        if [Some(user), group].contains(&Some("")) {
            return Err(format!("the owner '{owner}' lacks a name"));
        }
        self.user = Some(user.to_owned());
        self.group = group.map(str::to_owned);
        Ok(())
    }

    /// Sees that the volume is there, below `volumes`. One that exists is left as it is. A crash never leaves one that
    /// has its name and not its owner.
    ///
    /// # Errors
    /// When it is no directory, its owner is unknown to the host, or it cannot be made.
    pub fn provide(&self, volumes: &Path) -> Result<()> {
        if self.exists(volumes)? {
            return Ok(());
        }
        let (uid, gid) = self
            .owner()
            .with_context(|| format!("cannot make the volume {self}"))?;
        let _lock = lock_directory(volumes, FlockArg::LockExclusive)?;
        // Another container that has it may have started meanwhile.
        if self.exists(volumes)? {
            return Ok(());
        }
        self.make(volumes, uid, gid)
            .with_context(|| format!("cannot make the volume {self} in '{}'", volumes.display()))
    }

    fn exists(&self, volumes: &Path) -> Result<bool> {
        let path = volumes.join(self.name.as_str());
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => Ok(true),
            Ok(metadata) if metadata.is_symlink() => bail!(
                "the volume '{}' is a symbolic link; mount what it leads to there instead",
                path.display()
            ),
            Ok(_) => bail!("the volume '{}' is not a directory", path.display()),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(cause) => {
                Err(cause).with_context(|| format!("cannot look at '{}'", path.display()))
            }
        }
    }

    fn make(&self, volumes: &Path, uid: u32, gid: u32) -> io::Result<()> {
        let making = volumes.join(MAKING);
        match fs::remove_dir(&making) {
            Ok(()) => {}
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(cause),
        }
        fs::DirBuilder::new().mode(0o700).create(&making)?;
        chown(&making, Some(uid), Some(gid))?;
        fs::set_permissions(&making, fs::Permissions::from_mode(self.mode))?;
        File::open(&making)?.sync_all()?;
        fs::rename(&making, volumes.join(self.name.as_str()))?;
        File::open(volumes)?.sync_all()
    }

    /// Numbers of user and group on this host.
    fn owner(&self) -> Result<(u32, u32)> {
        let Some(user) = &self.user else {
            return Ok((0, 0));
        };
        let (uid, own_group) = find_user(user)?;
        match (&self.group, own_group) {
            (Some(group), _) => Ok((uid, find_group(group)?)),
            (None, Some(gid)) => Ok((uid, gid)),
            (None, None) => {
                bail!("this host has no user number {uid} to tell its group; write USER:GROUP")
            }
        }
    }
}

/// For messages: its name in quotes.
impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "'{}'", self.name)
    }
}

/// Permission bits in octal, or what is wrong with them.
pub fn parse_mode(text: &str) -> Result<u32, String> {
    let octal = (1..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    octal
        .then(|| u32::from_str_radix(text, 8).ok())
        .flatten()
        .ok_or_else(|| format!("the mode '{text}' is not octal, such as 0750"))
}

/// A user's number and, if the host knows the user, its primary group.
fn find_user(user: &str) -> Result<(u32, Option<u32>)> {
    let failed = || format!("cannot look up the user '{user}'");
    if let Some(uid) = parse_id(user) {
        let known = account::user(user).with_context(failed)?;
        return Ok((uid, known.map(|(_, gid)| gid)));
    }
    match account::user(user).with_context(failed)? {
        Some((uid, gid)) => Ok((uid, Some(gid))),
        None => bail!("this host has no user '{user}'"),
    }
}

fn find_group(group: &str) -> Result<u32> {
    if let Some(gid) = parse_id(group) {
        return Ok(gid);
    }
    match account::group(group).with_context(|| format!("cannot look up the group '{group}'"))? {
        Some(gid) => Ok(gid),
        None => bail!("this host has no group '{group}'"),
    }
}

/// A number that can be an id: to chown(2) the largest means "leave as it is".
fn parse_id(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .filter(|id| *id != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    fn volume(text: &str) -> Volume {
        Volume::parse(text).unwrap()
    }

    #[test]
    fn the_command_line_is_read() {
        let plain = volume("shop");
        assert_eq!((plain.user, plain.group, plain.mode), (None, None, 0o755));
        let full = volume("shop-1.d,mode=2750,owner=www-data:1000");
        assert_eq!(full.name.as_str(), "shop-1.d");
        assert_eq!(full.user.as_deref(), Some("www-data"));
        assert_eq!(full.group.as_deref(), Some("1000"));
        assert_eq!(full.mode, 0o2750);
        assert_eq!(volume("shop,owner=0").user.as_deref(), Some("0"));
    }

    #[test]
    fn what_is_wrong_on_the_command_line_is_said() {
        for (text, message) in [
            (
                "shop,size=1",
                "'size=1' is neither owner=USER[:GROUP] nor mode=OCTAL",
            ),
            ("shop,", "'' is neither owner=USER[:GROUP] nor mode=OCTAL"),
            ("shop,mode=8", "the mode '8' is not octal, such as 0750"),
            ("shop,mode=", "the mode '' is not octal, such as 0750"),
            (
                "shop,mode=07777",
                "the mode '07777' is not octal, such as 0750",
            ),
            ("shop,owner=", "the owner '' lacks a name"),
            ("shop,owner=a:", "the owner 'a:' lacks a name"),
            ("shop,owner=:a", "the owner ':a' lacks a name"),
        ] {
            assert_eq!(Volume::parse(text).unwrap_err(), message);
        }
        for name in ["", ".making", "../x", "a/b", "/a"] {
            assert!(Volume::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn owners_are_looked_up() {
        assert_eq!(volume("v").owner().unwrap(), (0, 0));
        assert_eq!(volume("v,owner=root").owner().unwrap(), (0, 0));
        assert_eq!(volume("v,owner=0").owner().unwrap(), (0, 0));
        assert_eq!(volume("v,owner=4711:12").owner().unwrap(), (4711, 12));
        for (text, message) in [
            ("v,owner=no-such", "this host has no user 'no-such'"),
            ("v,owner=root:no-such", "this host has no group 'no-such'"),
            (
                "v,owner=3999999999",
                "this host has no user number 3999999999 to tell its group; write USER:GROUP",
            ),
            ("v,owner=4294967295", "this host has no user '4294967295'"),
        ] {
            assert_eq!(volume(text).owner().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_volume_is_made_once_and_then_left_alone() {
        let volumes = tempfile::tempdir().unwrap();
        // What a crash leaves.
        fs::create_dir(volumes.path().join(MAKING)).unwrap();
        let own = fs::metadata(volumes.path()).unwrap();
        let owner = format!("owner={}:{}", own.uid(), own.gid());
        volume(&format!("shop,{owner},mode=2750"))
            .provide(volumes.path())
            .unwrap();
        let mode = || fs::metadata(volumes.path().join("shop")).unwrap().mode() & 0o7777;
        assert_eq!(mode(), 0o2750);
        fs::write(volumes.path().join("shop/data"), "").unwrap();
        volume("shop,owner=no-such,mode=0700")
            .provide(volumes.path())
            .unwrap();
        assert_eq!(mode(), 0o2750);
        assert!(volumes.path().join("shop/data").exists());
        assert_eq!(fs::read_dir(volumes.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_directory_is_no_volume() {
        let volumes = tempfile::tempdir().unwrap();
        symlink("/", volumes.path().join("link")).unwrap();
        fs::write(volumes.path().join("file"), "").unwrap();
        for (name, message) in [
            (
                "link",
                "is a symbolic link; mount what it leads to there instead",
            ),
            ("file", "is not a directory"),
        ] {
            let error = volume(name)
                .provide(volumes.path())
                .unwrap_err()
                .to_string();
            assert!(error.ends_with(message), "{error}");
        }
    }
}
