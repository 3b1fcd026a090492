//! The tables that the keys of a container file stand in, and what each is for.

/// A table of a container file.
#[derive(Debug)]
pub struct TableAbout {
    /// Without brackets.
    pub name: &'static str,
    /// What it is for, in sentences.
    pub meaning: &'static str,
    /// What the names of its entries are, where its keys are those of one entry.
    pub entries: Option<&'static str>,
}

/// The tables, in the order of the manual page.
pub static TABLES: [TableAbout; 10] = [
    TableAbout {
        name: "",
        meaning: "What runs, as whom, and when.",
        entries: None,
    },
    TableAbout {
        name: "root",
        meaning: "What the container sees as `/`.",
        entries: None,
    },
    TableAbout {
        name: "mounts",
        meaning: "What else the container sees: a table for each place, by the absolute path inside. Each has one of `source`, \
                  `volume` and `tmpfs`. A drop-in that names a place says all about it.",
        entries: Some("the absolute path inside the container"),
    },
    TableAbout {
        name: "limits",
        meaning: "The most that the container may use.",
        entries: None,
    },
    TableAbout {
        name: "isolation",
        meaning: "What the container is shut in with.",
        entries: None,
    },
    TableAbout {
        name: "network",
        meaning: "Which network the container is in.",
        entries: None,
    },
    TableAbout {
        name: "credentials",
        meaning: "Secrets: a table for each, by the name of the file in `$CREDENTIALS_DIRECTORY` where the program finds it. Each has \
                  one of `file` and `encrypted`.",
        entries: Some("the name of the credential"),
    },
    TableAbout {
        name: "health",
        meaning: "How to find out, while the container runs, whether it does its work. Without this table nobody does.",
        entries: None,
    },
    TableAbout {
        name: "update",
        meaning: "What a refresh does with the container once packages have changed.",
        entries: None,
    },
    TableAbout {
        name: "systemd",
        meaning: "Directives of systemd that go into the unit as they are. Each is checked as systemd would; those that lodger sets \
                  itself, or that would take isolation away, are refused with the reason.",
        entries: None,
    },
];
