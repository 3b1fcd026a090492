//! Keys, tables and rules in; what `lodger explain`, the manual page and shells know of them out.

use lodger::diagnostic::pages::{page, pages};
use lodger::reference::File;
use serde_json::json;

#[allow(dead_code, reason = "each test needs its part of it")]
mod run;

use run::{json_of, lodger, root, told};

#[test]
fn a_key_is_explained_with_its_table_or_without() {
    let root = root(&[]);
    let explain = |name: &str| told(lodger(root.path(), &["explain", name]));
    let expected = "\
limits.memory-high in NAME.toml

  The memory beyond which the container is slowed down.

  type:     a size such as \"512M\", an integer of bytes, or \"infinity\"
  default:  no limit
  becomes:  MemoryHigh=
  since:    lodger 0.1

  [limits]
  memory-high = \"400M\"
";
    for name in ["memory-high", "limits.memory-high"] {
        assert_eq!(explain(name), (Some(0), expected.to_owned(), String::new()));
    }
    for name in ["mounts.tmpfs", "mounts.*.tmpfs", "tmpfs"] {
        assert!(
            explain(name)
                .1
                .ends_with("\n  [mounts.\"/srv/data\"]\n  tmpfs = \"64M\"\n"),
            "{name}"
        );
    }
    let (_, both, _) = explain("mode");
    let heads: Vec<_> = both
        .lines()
        .filter(|line| line.contains(" in "))
        .filter(|line| !line.starts_with(' '))
        .collect();
    assert_eq!(
        heads,
        ["mounts.*.mode in NAME.toml", "network.mode in NAME.toml"]
    );
    assert!(
        explain("parallel")
            .1
            .starts_with("refresh.parallel in /etc/lodger.toml\n")
    );
}

#[test]
fn a_table_is_explained_with_its_keys() {
    let root = root(&[]);
    let expected = "\
[network] in NAME.toml

  Which network the container is in.

  network.mode            The host's network, or none but a loopback device of its own.
";
    for name in ["network", "[network]"] {
        assert_eq!(
            told(lodger(root.path(), &["explain", name])),
            (Some(0), expected.to_owned(), String::new())
        );
    }
}

#[test]
fn a_rule_is_explained_with_its_examples() {
    let root = root(&[]);
    let expected = "\
L014: a name that no environment variable can have

  The names of environment variables are made of letters, digits and `_`, and do not begin with a
  digit.

  systemd drops such a variable with a warning in its log, and the program runs without it.

Wrong:
  # /etc/lodger/web.toml
  exec = [\"/usr/sbin/nginx\"]
  environment = { \"SHOP-ZONE\" = \"UTC\" }

Right:
  # /etc/lodger/web.toml
  exec = [\"/usr/sbin/nginx\"]
  environment = { SHOP_ZONE = \"UTC\" }
";
    for name in ["L014", "l014"] {
        assert_eq!(
            told(lodger(root.path(), &["explain", name])),
            (Some(0), expected.to_owned(), String::new())
        );
    }
}

#[test]
fn what_there_is_not_is_status_2_and_told_what_was_meant() {
    let root = root(&[]);
    for (name, message) in [
        (
            "memroy",
            "nothing is called \"memroy\"; did you mean \"memory\"?",
        ),
        (
            "limits.memroy",
            "nothing is called \"limits.memroy\"; did you mean \"memory\"?",
        ),
        ("L099", "nothing is called \"L099\"; did you mean \"L009\"?"),
        (
            "quota",
            "nothing is called \"quota\"; \"lodger explain\" lists all keys and rules",
        ),
        (
            "root.memory",
            "nothing is called \"root.memory\"; did you mean \"memory\"?",
        ),
        (
            "",
            "nothing is called \"\"; \"lodger explain\" lists all keys and rules",
        ),
    ] {
        let told = told(lodger(root.path(), &["explain", name]));
        assert_eq!(
            told,
            (Some(2), String::new(), format!("error: {message}\n")),
            "for {name}"
        );
    }
}

#[test]
fn json_says_the_same() {
    let root = root(&[]);
    let found = json_of(&lodger(root.path(), &["explain", "--json", "limits.swap"]));
    assert_eq!(
        found,
        json!({
            "tables": [],
            "keys": [{
                "key": "limits.swap", "file": "NAME.toml", "default": "no limit", "directive": "MemorySwapMax=",
                "type": "a size such as \"512M\", an integer of bytes, or \"infinity\"", "since": "0.1",
                "meaning": "The most swap space; `0` is none.", "example": "[limits]\nswap = \"0\"\n",
            }],
            "rules": [],
        })
    );
    let rule = json_of(&lodger(root.path(), &["explain", "--json", "L011"]));
    assert_eq!(rule["rules"][0]["why"], page("L011").expect("a page").why);
    let all = json_of(&lodger(root.path(), &["explain", "--json"]));
    let count = |kind: &str| all[kind].as_array().map_or(0, Vec::len);
    let keys: usize = File::ALL.iter().map(|file| file.keys().len()).sum();
    assert_eq!((count("keys"), count("rules")), (keys, pages().count()));
}

#[test]
fn the_list_has_every_key_and_every_rule_once() {
    let root = root(&[]);
    let (status, list, _) = told(lodger(root.path(), &["explain"]));
    assert_eq!(status, Some(0));
    let first_words: Vec<_> = list
        .lines()
        .filter_map(|line| {
            line.strip_prefix("  ")
                .filter(|line| !line.starts_with(' '))
        })
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let keys = File::ALL
        .into_iter()
        .flat_map(|file| file.keys().iter().map(|about| about.path()));
    let expected: Vec<_> = keys
        .chain(pages().map(|page| page.rule.to_owned()))
        .collect();
    assert_eq!(first_words, expected);
}

#[test]
fn the_manual_page_has_every_key_in_its_table_and_no_other() {
    let root = root(&[]);
    let (status, page, stderr) = told(lodger(root.path(), &["man", "5"]));
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    let (mut table, mut written) = (String::new(), Vec::new());
    for line in page.lines() {
        if let Some(heading) = line
            .strip_prefix(".Ss ")
            .or_else(|| line.strip_prefix(".Sh "))
        {
            table = match heading
                .strip_prefix('[')
                .and_then(|heading| heading.strip_suffix(']'))
            {
                Some(name) => format!("{}.", name.replace(".NAME", ".*")),
                None => String::new(),
            };
        } else if let Some((key, _)) = line
            .strip_prefix(".It Ic ")
            .and_then(|line| line.split_once(" No = "))
        {
            written.push(format!("{table}{key}"));
        }
        assert!(
            !line.contains('`') && !line.starts_with(".\\\" lodger:"),
            "{line}"
        );
    }
    let keys = File::ALL
        .into_iter()
        .flat_map(|file| file.keys().iter().map(|about| about.path()));
    assert_eq!(written, keys.collect::<Vec<_>>());
}

#[test]
fn shells_complete_keys_and_rules() {
    let root = root(&[]);
    for shell in ["bash", "zsh", "fish"] {
        let (_, script, _) = told(lodger(root.path(), &["completions", shell]));
        for word in ["memory-high", "L012", "mounts"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
}
