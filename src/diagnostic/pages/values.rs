//! The pages of the rules about single values.

use super::{Page, file, web};
use crate::diagnostic::rule;

/// L010 to L016.
pub static PAGES: &[Page] = &[
    Page {
        rule: rule::VALUE,
        name: "value",
        title: "a value outside what its key takes",
        meaning: "The type is right, but the key takes one of some words, a number in a range, or text of a certain form. The message \
                  names them, and so does `lodger explain KEY`.",
        why: "systemd ignores such a value with a warning in its log, and goes on with its own default.",
        wrong: &[web(
            "exec = [\"/usr/sbin/nginx\"]\nrestart = \"sometimes\"\n",
        )],
        right: &[web(
            "exec = [\"/usr/sbin/nginx\"]\nrestart = \"on-failure\"\n",
        )],
    },
    Page {
        rule: rule::PROGRAM,
        name: "program",
        title: "a program that systemd would not run as written",
        meaning: "The first word of `exec` is an absolute path, or a bare name that is looked up in the container. A relative path, a \
                  directory, an empty word, or one of systemd's prefixes (`-`, `@`, `+`, `!`, `:`) is neither; a text must close \
                  its quotes.",
        why: "systemd drops a command that it cannot read, and its prefixes take away user and sandbox.",
        wrong: &[web("exec = [\"./nginx\", \"-g\", \"daemon off;\"]\n")],
        right: &[web(
            "exec = [\"/usr/sbin/nginx\", \"-g\", \"daemon off;\"]\n",
        )],
    },
    Page {
        rule: rule::PATH,
        name: "path",
        title: "a path that cannot be used as written",
        meaning: "Paths are absolute, without `.` and `..`, without control characters, and for mounts without `:`, quotes and \
                  backslashes. `/` cannot be hidden or mounted over, nor what each container has of its own, such as `/proc`, `/dev` \
                  and `/tmp`.",
        why: "systemd ignores most paths that it cannot use, and the container would run without what the path was for; `..` would lead \
              somewhere else than it seems to.",
        wrong: &[web(
            "exec = [\"/usr/sbin/nginx\"]\nworking-directory = \"srv/shop\"\n",
        )],
        right: &[web(
            "exec = [\"/usr/sbin/nginx\"]\nworking-directory = \"/srv/shop\"\n",
        )],
    },
    Page {
        rule: rule::QUANTITY,
        name: "quantity",
        title: "a time, size, share or number that cannot be read",
        meaning: "A size is an integer of bytes or a whole number with `K`, `M`, `G` or `T`; a time is an integer of seconds or text like \
                  `1min 30s`; a share of the CPU is text like `150%`. Each has to be in a range that makes sense.",
        why: "systemd ignores a limit that it cannot read: the container would run without it. It takes a time of 0 for no limit at \
              all, so a container that does not handle its stop signal would never stop.",
        wrong: &[web(
            "exec = [\"/usr/sbin/nginx\"]\n\n[limits]\nmemory = \"512MB\"\n",
        )],
        right: &[web(
            "exec = [\"/usr/sbin/nginx\"]\n\n[limits]\nmemory = \"512M\"\n",
        )],
    },
    Page {
        rule: rule::VARIABLE,
        name: "variable",
        title: "a name that no environment variable can have",
        meaning: "The names of environment variables are made of letters, digits and `_`, and do not begin with a digit.",
        why: "systemd drops such a variable with a warning in its log, and the program runs without it.",
        wrong: &[web(
            "exec = [\"/usr/sbin/nginx\"]\nenvironment = { \"SHOP-ZONE\" = \"UTC\" }\n",
        )],
        right: &[web(
            "exec = [\"/usr/sbin/nginx\"]\nenvironment = { SHOP_ZONE = \"UTC\" }\n",
        )],
    },
    Page {
        rule: rule::SPECIFIER,
        name: "specifier",
        title: "%i where there is no instance",
        meaning: "In `NAME@.toml` the characters `%i` stand for the name of the instance. This file makes one container, which is no \
                  instance. Where the two characters are meant, write `%%i`.",
        why: "It would become nothing, and the path or argument around it something that nobody wrote.",
        wrong: &[web(
            "exec = [\"/usr/sbin/nginx\", \"-c\", \"/etc/nginx/%i.conf\"]\n",
        )],
        right: &[file(
            "/etc/lodger/web@.toml",
            "exec = [\"/usr/sbin/nginx\", \"-c\", \"/etc/nginx/%i.conf\"]\ninstances = [\"shop\", \"blog\"]\n",
        )],
    },
    Page {
        rule: rule::INSTANCES,
        name: "instances",
        title: "instances where they do not belong, or too many or none of them",
        meaning: "`instances` belongs in `NAME@.toml` or a drop-in for all its instances. It is a number from 1 to 10000, or an array of \
                  names, each once.",
        why: "A plain file makes one container. Of a wrong number of instances lodger would have to guess which of them should run.",
        wrong: &[web("exec = [\"/usr/sbin/nginx\"]\ninstances = 3\n")],
        right: &[file(
            "/etc/lodger/web@.toml",
            "exec = [\"/usr/sbin/nginx\"]\ninstances = 3\n",
        )],
    },
];
