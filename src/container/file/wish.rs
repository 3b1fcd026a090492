//! What a container file counts on and only the running host can tell: programs, users, files.

use std::path::{Path, PathBuf};

use crate::document::Place;

/// Something that should be there when the container starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// What.
    pub thing: Thing,
    /// Where it is written.
    pub place: Place,
}

/// What can be looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing {
    /// A program, absolute or a bare name. It may also lie in the container's own upper.
    Program(String),
    /// A user of the host, by name.
    User(String),
    /// A file or directory of the host, and what it is called in messages.
    Path(&'static str, PathBuf),
}

/// The wishes of a container while it is read, if anybody asks for them: units are made without.
#[derive(Debug)]
pub struct Wishes {
    list: Vec<Wish>,
    is_asked: bool,
}

impl Wishes {
    /// None yet.
    pub fn new(is_asked: bool) -> Self {
        Self {
            list: Vec::new(),
            is_asked,
        }
    }

    /// One more.
    pub fn add(&mut self, wish: impl FnOnce() -> Wish) {
        if self.is_asked {
            self.list.push(wish());
        }
    }

    /// All of them, in the order in which they were added.
    pub fn into_list(self) -> Vec<Wish> {
        self.list
    }
}

impl Wish {
    /// A path of the host, called `what` in messages.
    pub fn path(what: &'static str, path: &Path, place: &Place) -> Self {
        Self {
            thing: Thing::Path(what, path.to_owned()),
            place: place.clone(),
        }
    }

    /// A user of the host.
    pub fn user(user: &str, place: &Place) -> Self {
        Self {
            thing: Thing::User(user.to_owned()),
            place: place.clone(),
        }
    }

    /// A program in the container.
    pub fn program(program: &str, place: &Place) -> Self {
        Self {
            thing: Thing::Program(program.to_owned()),
            place: place.clone(),
        }
    }
}
