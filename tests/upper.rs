//! Random writes through a real overlay in; what `lodger diff` makes of its upper, compared with what the kernel shows, out.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use lodger::root::mask::{Entry as Masked, Mask, Owner};
use lodger::upper::lower::Lower;
use lodger::upper::mark::{self, Marks};
use lodger::upper::node::{Node, open_tree};
use lodger::upper::{Budget, Diff, Extent, Upper, walk};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

mod overlay;

use overlay::acts::{act, left, path};
use overlay::{Stack, in_namespace};

fn node(path: &Path) -> Node {
    let parent = open_tree(path.parent().expect("it is below")).expect("a directory");
    let name = path.file_name().expect("it has a name");
    Node::at(&parent, name)
        .expect("it can be looked at")
        .expect("it is there")
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
            // The marks of a mask layer are those of users.
            let mask = match marks {
                Marks::User => mask,
                Marks::Trusted => Mask::default(),
            };
            let case = tempfile::tempdir_in(at).expect("a directory");
            let stack = Stack::new(case.path(), &mask, marks);
            base.iter().for_each(|act| act.on(&stack.lower));
            stack.mount();
            first.iter().for_each(|act| act.on(&stack.merged));
            stack.unmount();
            // A new base below an old upper. Nothing is renamed or linked in it: where a lower has the inode that an upper's file was copied
            // from at another place, the kernel takes one for the other (ESTALE, or the wrong attributes; overlayfs.rst, "Changes to
            // underlying filesystems"), by chance of what it still remembers. dpkg gives every path an inode of its own.
            let changed = changed.iter().filter(|act| !act.gives_another_place());
            changed.for_each(|act| act.on(&stack.lower));
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
