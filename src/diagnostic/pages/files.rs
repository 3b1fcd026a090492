//! The pages of the rules about files as a whole: whether they can be read, and what they are called.

use super::{Content, Example, Page, file, web};
use crate::diagnostic::rule;

/// L001 to L009.
pub static PAGES: &[Page] = &[
    Page {
        rule: rule::UNREADABLE,
        name: "unreadable",
        title: "a file or directory that cannot be opened or read",
        meaning: "The file is not there, a link leads nowhere, its permissions forbid it, or the disk fails.",
        why: "Somebody meant something by this file. Leaving it out could bring up a weaker file of its name, or a container without \
              its limits, so whatever it may be about is refused instead.",
        wrong: &[Example {
            path: "/etc/lodger/web.toml",
            content: Content::Link("shop.toml"),
        }],
        right: &[
            Example {
                path: "/etc/lodger/web.toml",
                content: Content::Link("shop.toml"),
            },
            file(
                "/etc/lodger/shop.toml",
                "exec = [\"/usr/sbin/nginx\", \"-g\", \"daemon off;\"]\n",
            ),
        ],
    },
    Page {
        rule: rule::NOT_A_TEXT_FILE,
        name: "not-a-text-file",
        title: "not a regular file, or a file of more than 1 MiB",
        meaning: "A container file is a regular file, a link to one, or a mask (an empty file, or a link to `/dev/null`); drop-ins lie \
                  in directories called `NAME.toml.d`.",
        why: "The generator runs early at boot and while systemd waits for it: it must neither wait for the other end of a FIFO nor \
              read without end.",
        wrong: &[Example {
            path: "/etc/lodger/web.toml",
            content: Content::Directory,
        }],
        right: &[web(
            "exec = [\"/usr/sbin/nginx\", \"-g\", \"daemon off;\"]\n",
        )],
    },
    Page {
        rule: rule::NOT_UTF8,
        name: "not-utf8",
        title: "a file that is not UTF-8",
        meaning: "TOML is written in UTF-8. This file is in another encoding, such as Latin-1, or is no text at all.",
        why: "systemd drops lines of a unit that are not UTF-8, with no more than a warning in its log.",
        wrong: &[Example {
            path: "/etc/lodger/web.toml",
            content: Content::Bytes(b"description = \"Caf\xe9\"\nexec = [\"/usr/sbin/nginx\"]\n"),
        }],
        right: &[web(
            "description = \"Café\"\nexec = [\"/usr/sbin/nginx\"]\n",
        )],
    },
    Page {
        rule: rule::CHARACTER,
        name: "character",
        title: "a character that cannot stand in a unit",
        meaning: "NUL, or one of the code points that Unicode keeps for no character, such as U+FFFE.",
        why: "systemd takes them for invalid UTF-8 and drops the whole line that holds one, with no more than a warning in its log.",
        wrong: &[web("exec = [\"/usr/sbin/nginx\", \"\\uFFFE\"]\n")],
        right: &[web("exec = [\"/usr/sbin/nginx\", \"\\u00E9\"]\n")],
    },
    Page {
        rule: rule::SYNTAX,
        name: "syntax",
        title: "a file that is not TOML",
        meaning: "The text breaks the grammar of TOML 1.0: a bracket or quote is not closed, a value is missing, a key or table stands \
                  twice.",
        why: "Nothing in such a file means anything for certain. Its containers are refused, and no others.",
        wrong: &[web("exec = [\"/usr/sbin/nginx\"\n")],
        right: &[web("exec = [\"/usr/sbin/nginx\"]\n")],
    },
    Page {
        rule: rule::UNKNOWN_KEY,
        name: "unknown-key",
        title: "a key or table that lodger does not know",
        meaning: "It is misspelt, stands in the wrong table, or is of a later version of lodger. `lodger explain` lists all keys. A key \
                  that follows `[limits]` is one of that table: keys of the top level stand before the first table.",
        why: "systemd ignores what it does not know. A limit that is misspelt would then be no limit, and nobody would notice.",
        wrong: &[web(
            "exec = [\"/usr/sbin/nginx\"]\n\n[limits]\nmemroy = \"512M\"\n",
        )],
        right: &[web(
            "exec = [\"/usr/sbin/nginx\"]\n\n[limits]\nmemory = \"512M\"\n",
        )],
    },
    Page {
        rule: rule::WRONG_TYPE,
        name: "wrong-type",
        title: "a value of the wrong type",
        meaning: "The key takes another of TOML's types: text stands in quotes, integers and `true` and `false` do not, lists stand in \
                  brackets. `lodger explain KEY` tells which.",
        why: "What was meant would have to be guessed, and a wrong guess is a container without its limits.",
        wrong: &[web(
            "exec = [\"/usr/sbin/nginx\"]\n\n[limits]\ntasks = \"64\"\n",
        )],
        right: &[web(
            "exec = [\"/usr/sbin/nginx\"]\n\n[limits]\ntasks = 64\n",
        )],
    },
    Page {
        rule: rule::MISSING_KEY,
        name: "missing-key",
        title: "a key that has to be there",
        meaning: "A container file has `exec`; `NAME@.toml` has `instances`; an entry of `[mounts]` has one of `source`, `volume` and \
                  `tmpfs`; an entry of `[credentials]` has one of `file` and `encrypted`. It may also stand in a drop-in.",
        why: "There is no default that would be right. systemd refuses a service that has nothing to execute.",
        wrong: &[web("description = \"Shop front\"\n")],
        right: &[web(
            "description = \"Shop front\"\nexec = [\"/usr/sbin/nginx\"]\n",
        )],
    },
    Page {
        rule: rule::NAME,
        name: "name",
        title: "a name that breaks the rule for names",
        meaning: "The names of containers, instances and volumes are made of lower case letters, digits, `.`, `_` and `-`, begin with a \
                  letter or digit, do not end in `-`, and have no `..` in them; `all` is kept for drop-ins. A container is called by \
                  its file.",
        why: "The name becomes part of unit names, paths and control groups. What is legal in all of them needs no escaping, and cannot \
              be mistaken for an option or another directory.",
        wrong: &[file(
            "/etc/lodger/Shop front.toml",
            "exec = [\"/usr/sbin/nginx\"]\n",
        )],
        right: &[file(
            "/etc/lodger/shop-front.toml",
            "exec = [\"/usr/sbin/nginx\"]\n",
        )],
    },
];
