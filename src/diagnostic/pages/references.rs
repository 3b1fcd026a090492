//! The pages of the rules about a container and what is around it: other containers, units, the host.

use super::{Page, file, web};
use crate::diagnostic::rule;

/// L017 to L026.
pub static PAGES: &[Page] = &[
    Page {
        rule: rule::REFERENCE,
        name: "reference",
        title: "a container that is not there, or that is refused",
        meaning: "`requires`, `wants`, `after` and `part-of` name containers by their names, and other units with their suffix \
                  (`postgresql.service`). A file with many containers is named with the instance (`web@1`).",
        why: "With a container missing that it requires, systemd would fail each start of this one; an order that names nothing is \
              ignored without a word, and the start becomes a race.",
        wrong: &[web("exec = [\"/usr/sbin/nginx\"]\nrequires = [\"db\"]\n")],
        right: &[
            web("exec = [\"/usr/sbin/nginx\"]\nrequires = [\"db\"]\n"),
            file("/etc/lodger/db.toml", "exec = [\"/usr/sbin/nginx\"]\n"),
        ],
    },
    Page {
        rule: rule::CYCLE,
        name: "cycle",
        title: "containers that wait for each other",
        meaning: "Each waits for the next by `requires`, `wants` or `after`, and the last for the first.",
        why: "No order would be right. systemd breaks such a circle by leaving one of the containers out, and not always the same one.",
        wrong: &[
            web("exec = [\"/usr/sbin/nginx\"]\nrequires = [\"db\"]\n"),
            file(
                "/etc/lodger/db.toml",
                "exec = [\"/usr/sbin/nginx\"]\nafter = [\"web\"]\n",
            ),
        ],
        right: &[
            web("exec = [\"/usr/sbin/nginx\"]\nrequires = [\"db\"]\n"),
            file("/etc/lodger/db.toml", "exec = [\"/usr/sbin/nginx\"]\n"),
        ],
    },
    Page {
        rule: rule::CLASH,
        name: "clash",
        title: "a unit that is there already",
        meaning: "The container would become a unit of a name that a file in one of systemd's directories has already. Rename the \
                  container or remove the file. To change a container's unit, write a drop-in in `lodger-NAME.service.d/`.",
        why: "systemd reads only one of the two: that in `/etc` would hide the container, and that in `/usr/lib` would be hidden by it.",
        wrong: &[
            web("exec = [\"/usr/sbin/nginx\"]\n"),
            file(
                "/usr/lib/systemd/system/lodger-web.service",
                "[Service]\nExecStart=/usr/sbin/nginx\n",
            ),
        ],
        right: &[
            file("/etc/lodger/shop.toml", "exec = [\"/usr/sbin/nginx\"]\n"),
            file(
                "/usr/lib/systemd/system/lodger-web.service",
                "[Service]\nExecStart=/usr/sbin/nginx\n",
            ),
        ],
    },
    Page {
        rule: rule::NOT_YET,
        name: "not-yet",
        title: "something that this version of lodger does not do yet",
        meaning: "The word is known and its meaning fixed, but it belongs to a later version.",
        why: "A container that asks for isolation and does not get it is worse than one that is refused.",
        wrong: &[web(
            "exec = [\"/usr/sbin/nginx\"]\n\n[network]\nmode = \"private\"\n",
        )],
        right: &[web(
            "exec = [\"/usr/sbin/nginx\"]\n\n[network]\nmode = \"none\"\n",
        )],
    },
    Page {
        rule: rule::CONFLICT,
        name: "conflict",
        title: "two keys that exclude each other",
        meaning: "Each is right, and both together are not: a place with two sources, an owner for what has one already, a program that \
                  is done and is to be started again.",
        why: "systemd refuses the unit, or keeps one of the two and drops the other.",
        wrong: &[web(
            "exec = [\"/usr/sbin/nginx\", \"-t\"]\ntype = \"oneshot\"\nrestart = \"always\"\n",
        )],
        right: &[web(
            "exec = [\"/usr/sbin/nginx\", \"-t\"]\ntype = \"oneshot\"\nrestart = \"on-failure\"\n",
        )],
    },
    Page {
        rule: rule::NOT_THERE,
        name: "not-there",
        title: "something that is not there, or not at boot",
        meaning: "A program, user or file that the container counts on is not on this host, or the file is a link into `/home` or another \
                  file system, which may not be mounted when units are made. Of what the host is without this is a warning: it may lie \
                  in the container's own upper, or be installed later.",
        why: "The container would fail at its start. Better to know it now.",
        wrong: &[web(
            "exec = [\"/usr/sbin/ngnix\", \"-g\", \"daemon off;\"]\n",
        )],
        right: &[web(
            "exec = [\"/usr/sbin/nginx\", \"-g\", \"daemon off;\"]\n",
        )],
    },
    Page {
        rule: rule::DIRECTIVE,
        name: "directive",
        title: "a directive of systemd that cannot be set in a container file",
        meaning: "`[systemd.service]` and `[systemd.unit]` take directives that systemd knows and lodger can check. Those for which lodger \
                  has a key, which it sets itself, or which would take isolation away are not among them; the message tells which it is.",
        why: "systemd takes the last of two lines, or adds them up: what the container file says elsewhere would silently mean something \
              else. What lodger cannot check can be put into a drop-in of systemd, at one's own risk.",
        wrong: &[web(
            "exec = [\"/usr/sbin/nginx\"]\n\n[systemd.service]\nMemoryMax = \"512M\"\n",
        )],
        right: &[web(
            "exec = [\"/usr/sbin/nginx\"]\n\n[limits]\nmemory = \"512M\"\n",
        )],
    },
    Page {
        rule: rule::ISOLATION,
        name: "isolation",
        title: "a wish that would let the container out",
        meaning: "It would give the container the host's kernel, memory or files, or systemd would take it back without a word because it \
                  contradicts the sandbox.",
        why: "A container that can leave is none. What needs this much of the host is an ordinary service.",
        wrong: &[web(
            "exec = [\"/usr/sbin/nginx\"]\n\n[isolation]\ncapabilities = [\"CAP_SYS_ADMIN\"]\n",
        )],
        right: &[web(
            "exec = [\"/usr/sbin/nginx\"]\n\n[isolation]\ncapabilities = [\"CAP_NET_BIND_SERVICE\"]\n",
        )],
    },
    Page {
        rule: rule::TOO_MANY,
        name: "too-many",
        title: "more than lodger reads or tells",
        meaning: "There are more than 1000 mistakes in one file, more than 20000 container files, or more text in them than is read.",
        why: "Units are made at boot, while everything waits for them: time and memory for it are bounded. What lies beyond the bound is \
              told and not made.",
        wrong: &[],
        right: &[],
    },
    Page {
        rule: rule::UNUSED,
        name: "unused",
        title: "a drop-in that counts for nothing",
        meaning: "Its directory is called like no container file there is, and like no prefix of one, its instance is not made, or its own \
                  name does not end in `.toml`. This is a warning.",
        why: "A limit in a directory whose name is misspelt is no limit.",
        wrong: &[
            web("exec = [\"/usr/sbin/nginx\"]\n"),
            file(
                "/etc/lodger/wbe.toml.d/10-limits.toml",
                "[limits]\nmemory = \"512M\"\n",
            ),
        ],
        right: &[
            web("exec = [\"/usr/sbin/nginx\"]\n"),
            file(
                "/etc/lodger/web.toml.d/10-limits.toml",
                "[limits]\nmemory = \"512M\"\n",
            ),
        ],
    },
];
