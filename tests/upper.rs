//! Random writes through a real overlay in; what `lodger diff` makes of its upper, compared with what the kernel shows, out.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use lodger::root::mask::{Entry as Masked, Mask, Owner};
use lodger::upper::lower::Lower;
use lodger::upper::mark::{self, Marks};
use lodger::upper::node::{Node, open_tree};
use lodger::upper::{Budget, Diff, Extent, Upper, walk};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

mod overlay;

use overlay::{Stack, in_namespace, set_attribute};

/// What somebody does to a tree. Much of it fails, as it does for programs; then nothing has changed.
#[derive(Debug, Clone)]
enum Act {
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
    fn on(&self, tree: &Path) {
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
enum Left {
    Opaque(PathBuf),
    Whiteout(PathBuf),
    AttributeWhiteout(PathBuf),
    /// Of the other set, which the mount does not read.
    Foreign(PathBuf),
}

impl Left {
    fn on(&self, stack: &Stack, marks: Marks) {
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

fn node(path: &Path) -> Node {
    let parent = open_tree(path.parent().expect("it is below")).expect("a directory");
    let name = path.file_name().expect("it has a name");
    Node::at(&parent, name)
        .expect("it can be looked at")
        .expect("it is there")
}

fn is_opaque(path: &Path, marks: Marks) -> bool {
    marks.of(&node(path)).expect("marks").opaque
}

fn path() -> impl Strategy<Value = PathBuf> {
    let name = prop::sample::select(vec!["a", "b", "c", "\u{e9}\n"]);
    vec(name, 1..=3).prop_map(|names| names.iter().collect())
}

fn act() -> impl Strategy<Value = Act> {
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

fn left() -> impl Strategy<Value = Left> {
    prop_oneof![
        path().prop_map(Left::Opaque),
        path().prop_map(Left::Whiteout),
        path().prop_map(Left::AttributeWhiteout),
        path().prop_map(Left::Foreign),
    ]
}

const OWNER: Owner = Owner {
    mode: 0o755,
    uid: 0,
    gid: 0,
};

/// A mask whose parents are all in it, as lodger's are.
fn mask() -> impl Strategy<Value = Mask> {
    vec((path(), 0..4u8), 0..3).prop_map(|entries| {
        let mut mask = Mask::default();
        for (path, kind) in entries {
            if mask.covers(&path) {
                continue;
            }
            let above = path
                .ancestors()
                .skip(1)
                .filter(|above| !above.as_os_str().is_empty());
            for above in above {
                if mask.get(above).is_none() {
                    mask.insert(above, Masked::Opaque(OWNER));
                }
            }
            mask.remove_tree(&path);
            let entry = match kind {
                0 => Masked::Whiteout,
                1 => Masked::Opaque(OWNER),
                2 => Masked::Directory(OWNER),
                _ => Masked::Symlink("1".into()),
            };
            mask.insert(path, entry);
        }
        mask
    })
}

/// Everything that can be told of a file without its times.
type Seen = (u32, u32, u32, Vec<u8>, BTreeMap<Vec<u8>, Vec<u8>>);

fn seen(tree: &Path) -> BTreeMap<PathBuf, Seen> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![PathBuf::from("/")];
    while let Some(path) = waiting.pop() {
        let at = tree.join(path.strip_prefix("/").expect("it is absolute"));
        // The kernel lists a whiteout of the kind that is a file, if it lies in an upper, and then denies it.
        let Ok(metadata) = fs::symlink_metadata(&at) else {
            continue;
        };
        let mut content = Vec::new();
        if metadata.is_dir() {
            let names = fs::read_dir(&at).expect("it can be read");
            waiting.extend(names.map(|name| path.join(name.expect("a name").file_name())));
        } else if metadata.is_symlink() {
            let target = fs::read_link(&at).expect("a link");
            content = target.into_os_string().into_encoded_bytes();
        } else if metadata.is_file() {
            content = fs::read(&at).expect("it can be read");
        }
        let attributes = mark::attributes(&node(&at)).expect("attributes");
        let what = (
            metadata.mode(),
            metadata.uid(),
            metadata.gid(),
            content,
            attributes,
        );
        found.insert(path, what);
    }
    found
}

fn is_directory(seen: &Seen) -> bool {
    seen.0 & nix::libc::S_IFMT == nix::libc::S_IFDIR
}

type Told = Vec<(char, PathBuf, Option<bool>)>;

/// What there is to tell, from nothing but what the kernel shows; and from the upper, whether it has the path at all.
fn truth(stack: &Stack) -> Told {
    let (merged, bare) = (seen(&stack.merged), seen(&stack.bare));
    let mut told = Vec::new();
    for path in merged
        .keys()
        .chain(bare.keys().filter(|path| !merged.contains_key(*path)))
    {
        let in_upper = stack
            .upper
            .join(path.strip_prefix("/").expect("it is absolute"));
        match (merged.get(path), bare.get(path)) {
            (Some(_), None) => told.push(('A', path.clone(), None)),
            (None, Some(_)) => {
                // What lay in a directory that is gone is gone with it.
                if path
                    .parent()
                    .is_some_and(|parent| merged.contains_key(parent))
                {
                    told.push(('D', path.clone(), None));
                }
            }
            (Some(ours), Some(theirs)) if is_directory(ours) && is_directory(theirs) => {
                if ours != theirs {
                    told.push(('C', path.clone(), None));
                }
            }
            (Some(ours), Some(theirs)) => {
                if fs::symlink_metadata(in_upper).is_ok() {
                    told.push(('C', path.clone(), Some(ours == theirs)));
                } else {
                    assert_eq!(ours, theirs, "{path:?}");
                }
            }
            (None, None) => unreachable!("it is from one of them"),
        }
    }
    told.sort();
    told
}

fn told(stack: &Stack, mask: &Mask, marks: Marks, extent: Extent) -> Told {
    let lower = Lower::new(open_tree(&stack.lower).expect("the lower"), mask.clone());
    let upper = Upper {
        tree: open_tree(&stack.upper).expect("the upper"),
        lower: &lower,
        marks,
        at: Path::new("/"),
        covered: &[],
    };
    let mut diff = Diff::default();
    walk(&upper, extent, &mut Budget::default(), &mut diff);
    assert_eq!(diff.missing, [""; 0]);
    let entries = diff.entries.into_iter();
    let mut told: Told = entries
        .map(|entry| (entry.change.letter(), entry.path, entry.same))
        .collect();
    told.sort();
    told
}

fn compare(marks: Marks, cases: u32) {
    in_namespace(move |at| {
        let strategy = (
            vec(act(), 0..25),
            mask(),
            vec(act(), 1..15),
            vec(act(), 0..4),
            vec(left(), 0..3),
            vec(act(), 0..8),
        );
        let mut runner = TestRunner::new(ProptestConfig {
            cases,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let result = runner.run(&strategy, |(base, mask, first, changed, left, second)| {
            // The marks of a mask layer are trusted ones.
            let mask = match marks {
                Marks::Trusted => mask,
                Marks::User => Mask::default(),
            };
            let case = tempfile::tempdir_in(at).expect("a directory");
            let stack = Stack::new(case.path(), &mask, marks);
            base.iter().for_each(|act| act.on(&stack.lower));
            stack.mount();
            first.iter().for_each(|act| act.on(&stack.merged));
            stack.unmount();
            // A new base below an old upper.
            changed.iter().for_each(|act| act.on(&stack.lower));
            left.iter().for_each(|left| left.on(&stack, marks));
            stack.mount();
            second.iter().for_each(|act| act.on(&stack.merged));
            let truth = truth(&stack);
            let all = told(&stack, &mask, marks, Extent::All);
            let shadowing = told(&stack, &mask, marks, Extent::Shadowing);
            stack.unmount();
            drop(stack);
            prop_assert_eq!(&all, &truth);
            let (mut ours, mut theirs) = (shadowing, truth);
            ours.retain(|(letter, ..)| *letter != 'A');
            theirs.retain(|(letter, ..)| *letter != 'A');
            prop_assert_eq!(ours, theirs);
            Ok(())
        });
        let told = result
            .err()
            .map_or(String::new(), |failure| failure.to_string());
        assert!(told.is_empty(), "{told}");
    });
}

#[test]
fn a_diff_is_what_an_overlay_shows() {
    compare(Marks::Trusted, 300);
}

#[test]
fn a_diff_is_what_an_overlay_with_user_attributes_shows() {
    compare(Marks::User, 300);
}
