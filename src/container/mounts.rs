//! `[mounts]` and `[credentials]` as written in; what is mounted where, and which secret is where, out.

use std::path::PathBuf;

use super::file::wish::{Wish, Wishes};
use super::named::read_named;
use super::values::{self, path};
use super::{Credential, Name, Ordered, keys, name};
use crate::diagnostic::{Fault, quote, rule};
use crate::document::{Place, Reader, Scalar, Table, text, word};
use crate::unit::escape;

/// The keys that say what is mounted, and those that say where a secret is: exactly one of them.
const SOURCES: [&str; 3] = ["source", "volume", "tmpfs"];
const SECRETS: [&str; 2] = ["file", "encrypted"];

/// What a container sees at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// What it is.
    pub source: MountSource,
    /// Whether the container can only read it.
    pub read_only: bool,
}

/// What can be mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource {
    /// A file or directory of the host: absolute, normal, not `/`.
    Host(PathBuf),
    /// A directory that lodger keeps.
    Volume {
        /// Its name below `/var/lib/lodger/volumes`.
        name: String,
        /// Whom it is given to when it is made; root if nobody is named.
        owner: Option<Owner>,
        /// Permission bits when it is made; `0o755` if none are named.
        mode: Option<u32>,
    },
    /// Memory.
    Tmpfs {
        /// Bytes.
        size: u64,
        /// Permission bits; `0o1777` if none are named.
        mode: Option<u32>,
    },
}

/// A user and perhaps a group of the host, by name or number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub user: String,
    /// The group; the user's own if none is named.
    pub group: Option<String>,
}

/// `[mounts]`; what is wrong with it is noted.
pub fn read(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    wishes: &mut Wishes,
) -> Ordered<PathBuf, Mount> {
    read_named(
        reader,
        table,
        ("mounts", "[mounts]"),
        path::target,
        |reader, table, place| read_mount(reader, table, place, wishes),
    )
}

fn read_mount(
    reader: &mut Reader<'_>,
    mut table: Table<'_>,
    place: &Place,
    wishes: &mut Wishes,
) -> Option<Mount> {
    let owner_place = table.place_of("owner");
    let mode_place = table.place_of("mode");
    let read_only_place = table.place_of("read-only");
    let written = SOURCES.map(|key| table.place_of(key));

    let source = reader.value(&mut table, &keys::MOUNT_SOURCE);
    let volume = reader.value(&mut table, &keys::MOUNT_VOLUME);
    let tmpfs = reader.value(&mut table, &keys::MOUNT_TMPFS);
    let read_only = reader.value(&mut table, &keys::MOUNT_READ_ONLY);
    let owner = reader.value(&mut table, &keys::MOUNT_OWNER);
    let mode = reader.value(&mut table, &keys::MOUNT_MODE);
    exactly_one(reader, &table, &SOURCES, &written, place);
    reader.refuse_rest(table);

    let mut out_of_place = |place: Option<Place>, why: &str| {
        if let Some(place) = place {
            reader.fault(place, Fault::new(rule::CONFLICT, why));
        }
    };
    let [has_source, has_volume, has_tmpfs] = written.map(|place| place.is_some());
    if has_source && !has_volume {
        out_of_place(owner_place, "what is on the host already keeps its owner");
        out_of_place(mode_place, "what is on the host already keeps its mode");
    } else if has_tmpfs {
        out_of_place(owner_place, "a tmpfs has no owner but root: give it a mode");
        out_of_place(read_only_place, "a tmpfs that is read-only stays empty");
    }
    let source = match (source, volume, tmpfs) {
        (Some(path), None, None) => {
            wishes.add(|| Wish::path("the source", &path, place));
            MountSource::Host(path)
        }
        (None, Some(name), None) => {
            if let Some(Owner { user, .. }) = &owner {
                wishes.add(|| Wish::user(user, place));
            }
            MountSource::Volume { name, owner, mode }
        }
        (None, None, Some(size)) => MountSource::Tmpfs { size, mode },
        _ => return None,
    };
    Some(Mount {
        source,
        read_only: read_only.unwrap_or(false),
    })
}

/// Notes when not exactly one of `keys` is `written`, and none is misspelt in `table`.
fn exactly_one(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    keys: &[&str],
    written: &[Option<Place>],
    place: &Place,
) {
    let is_one = written.iter().flatten().count() == 1;
    if is_one || keys.iter().any(|key| table.has_misspelt(key)) {
        return;
    }
    let there: Vec<_> = keys
        .iter()
        .zip(written)
        .filter_map(|(key, place)| Some((*key, place.as_ref()?)))
        .collect();
    let (place, fault) = match there.as_slice() {
        [] => {
            let message = format!("one of {} is missing", keys.join(", "));
            (place, Fault::new(rule::MISSING_KEY, message))
        }
        [_, second @ ..] => {
            let names: Vec<_> = there.iter().map(|(key, _)| *key).collect();
            let message = format!("{} exclude each other", names.join(" and "));
            let place = second.first().map_or(place, |(_, place)| *place);
            (place, Fault::new(rule::CONFLICT, message))
        }
    };
    reader.fault(place.clone(), fault);
}

/// `[credentials]`; what is wrong with it is noted.
pub fn read_credentials(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    wishes: &mut Wishes,
) -> Ordered<String, Credential> {
    let name = |written: &str| match escape::credential(written, "/x") {
        Ok(_) => Ok(written.to_owned()),
        Err(why) => {
            let message = format!("the name {} {why}", quote(written));
            Err(Fault::new(rule::VALUE, message))
        }
    };
    read_named(
        reader,
        table,
        ("credentials", "[credentials]"),
        name,
        |reader, table, place| read_credential(reader, table, place, wishes),
    )
}

fn read_credential(
    reader: &mut Reader<'_>,
    mut table: Table<'_>,
    place: &Place,
    wishes: &mut Wishes,
) -> Option<Credential> {
    let written = SECRETS.map(|key| table.place_of(key));
    let file = reader.value(&mut table, &keys::CREDENTIAL_FILE);
    let encrypted = reader.value(&mut table, &keys::CREDENTIAL_ENCRYPTED);
    exactly_one(reader, &table, &SECRETS, &written, place);
    reader.refuse_rest(table);
    let credential = match (file, encrypted) {
        (Some(path), None) => Credential {
            path,
            encrypted: false,
        },
        (None, Some(path)) => Credential {
            path,
            encrypted: true,
        },
        _ => return None,
    };
    wishes.add(|| Wish::path("the credential", &credential.path, place));
    Some(credential)
}

/// The name of a volume: by the rule for containers' names.
pub fn volume(scalar: Scalar) -> Result<String, Fault> {
    let name = text(scalar)?;
    match Name::parse(&name) {
        Ok(_) => Ok(name),
        Err(why) => {
            let message = format!("{} cannot be the name of a volume: {why}", quote(&name));
            let fault = Fault::new(rule::NAME, message);
            Err(fault.help(format!(
                "{}; for a path of the host there is \"source\"",
                name::RULE
            )))
        }
    }
}

/// `USER` or `USER:GROUP`.
pub fn owner(scalar: Scalar) -> Result<Owner, Fault> {
    let written = word(scalar)?;
    let (user, group) = match written.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (&*written, None),
    };
    values::user_or_group(user, "user")?;
    if let Some(group) = group {
        values::user_or_group(group, "group")?;
    }
    Ok(Owner {
        user: user.to_owned(),
        group: group.map(str::to_owned),
    })
}

/// Permission bits as chmod(1) takes them in octal. The set-user-ID bit means nothing for a directory.
pub fn mode(scalar: Scalar) -> Result<u32, Fault> {
    let fault = |written: &str| {
        Err(Fault::new(rule::VALUE, format!("{written} is not a mode"))
            .help("octal digits in quotes, such as \"0750\""))
    };
    let written = match scalar {
        Scalar::Integer(number) => return fault(&number.to_string()),
        other => word(other)?,
    };
    let digits = (3..=4).contains(&written.len())
        && written.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    match u32::from_str_radix(&written, 8) {
        Ok(mode) if digits && mode & 0o4000 == 0 => Ok(mode),
        _ => fault(&quote(&written)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Scalar<'_> {
        Scalar::Text(text.into())
    }

    #[test]
    fn modes_owners_and_names() {
        assert_eq!(mode(of("0750")), Ok(0o750));
        assert_eq!(mode(of("755")), Ok(0o755));
        assert_eq!(mode(of("1777")), Ok(0o1777));
        assert_eq!(mode(of("2750")), Ok(0o2750));
        for bad in ["", "75", "0o755", "0888", "4755", "6755", "+755", "00755"] {
            assert!(mode(of(bad)).is_err(), "for {bad:?}");
        }
        assert!(mode(Scalar::Integer(755)).is_err());

        assert_eq!(owner(of("a")).map(|owner| owner.group), Ok(None));
        assert_eq!(
            owner(of("33:adm")).map(|owner| owner.group),
            Ok(Some("adm".to_owned()))
        );
        for bad in ["", ":", "a:", ":a", "a:b:c", "a b"] {
            assert!(owner(of(bad)).is_err(), "for {bad:?}");
        }

        for good in ["shop", "shop.v2", "web@3", "9"] {
            assert_eq!(volume(of(good)), Ok(good.to_owned()));
        }
        for bad in ["", ".x", "-x", "../x", "a/b", "/a", "a b", "é"] {
            assert!(volume(of(bad)).is_err(), "for {bad:?}");
        }
    }
}
