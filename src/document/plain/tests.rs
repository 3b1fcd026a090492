//! Texts in; what is read of them here and by the toml crate, compared.

use proptest::prelude::*;
use toml::de::DeTable;

use super::*;

/// What the toml crate makes of `text`.
fn by_crate(text: &str) -> Option<Branch<'_>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    errors.is_empty().then(|| table.into_inner().into())
}

/// `table` with its keys in the order of the crate.
fn sorted(mut table: Branch<'_>) -> Branch<'_> {
    table.pairs.sort_by(|a, b| a.key.cmp(&b.key));
    for pair in &mut table.pairs {
        sort_node(&mut pair.node);
    }
    table
}

fn sort_node(node: &mut Node<'_>) {
    match &mut node.value {
        Toml::Table(table) => *table = sorted(std::mem::take(table)),
        Toml::Array(items) => items.iter_mut().for_each(sort_node),
        _ => {}
    }
}

#[test]
fn what_most_files_have_is_plain() {
    for text in [
        "",
        "# nothing\n\n",
        "exec = [\"/usr/sbin/nginx\", \"-g\", \"daemon off;\"]",
        "a=1\nb = true # yes\n\tc = 'x\\y'\n\"d e\" = \"\"\n'f' = ''\n",
        "a = [\n  1, # one\n  [2, \"é\"],\n]\nb = []\n",
        "a = { b = 1, \"c\" = { d = [] } }\ne = {}\n",
        "a = 999999999999999999\n",
        "[a]\nb = 1\n[c]\n[ d . \"e.f\" ] # g\nh = false\n[d.i]\n",
        include_str!("../../../bench/files/short.toml"),
        include_str!("../../../bench/files/long.toml"),
        include_str!("../../../bench/files/drop-in.toml"),
    ] {
        let read = read(text).map(sorted);
        assert!(read.is_some(), "for {text:?}");
        assert_eq!(read, by_crate(text), "for {text:?}");
    }
}

#[test]
fn what_is_unusual_or_wrong_is_left_to_the_crate() {
    for text in [
        "a = \"\\n\"",
        "a = \"\"\"x\"\"\"",
        "a = '''x'''",
        "a = \"\"\"\"\"\"",
        "\u{feff}a = 1",
        "a = 1\r\n",
        "a.b = 1",
        "a = { b.c = 1 }",
        "a = { b = 1, }",
        "a = {\nb = 1 }",
        "a = -1",
        "a = 1_0",
        "a = 0x1",
        "a = 01",
        "a = 1000000000000000000",
        "a = 1.5",
        "a = 1979-05-27",
        "a = 1979-05-27 07:32:00",
        "a = tru",
        "a = 1 b = 2",
        "a = [1 2]",
        "a = [,]",
        "a = {,}",
        "a = {} b",
        "a = \"x",
        "a = 'x\n'",
        "a = \"\u{7f}\"",
        "# \u{1}",
        "a",
        "a =",
        "= 1",
        "a = 1\na = 2",
        "a = { b = 1, b = 2 }",
        "[[a]]",
        "[a",
        "[a] b",
        "[]",
        "[a.]",
        "[a]\n[a]",
        "[a.b]\n[a]",
        "a = {}\n[a.b]",
        "a = 1\n[a.b]",
        "[a]\nb = 1\n[a.b]",
    ] {
        assert_eq!(read(text), None, "for {text:?}");
    }
    let deep = format!("a = {}{}", "[".repeat(9), "]".repeat(9));
    let long: String = (0..65).map(|number| format!("a{number} = 1\n")).collect();
    let path = format!("[{}a]", "a.".repeat(9));
    for text in [deep, long, path] {
        assert_eq!(read(&text), None, "for {text:?}");
    }
}

/// Parts of which texts are made that are TOML or nearly so.
const PARTS: [&str; 44] = [
    "a",
    "b",
    "a-1_",
    "\"a\"",
    "'b'",
    "\"é c\"",
    "\"\"",
    "''",
    " = ",
    " = ",
    " = ",
    "=",
    "1",
    "0",
    "12",
    "01",
    "1_0",
    "1.5",
    "-1",
    "true",
    "false",
    "\"x\"",
    "'x'",
    "\"x\\n\"",
    "[",
    "]",
    "{",
    "}",
    ", ",
    ",",
    ".",
    "\n",
    "\n",
    "\n",
    "\n[a]\n",
    "\n[a.b]\n",
    "\n[[c]]\n",
    " ",
    "\t",
    "# x\n",
    "\r\n",
    "\"\"\"",
    "é",
    "\u{7f}",
];

/// A value, an array or inline table perhaps, that is mostly right.
fn value() -> impl Strategy<Value = String> {
    let one = prop::sample::select(
        &[
            "1", "true", "\"x\"", "'y'", "\"\"", "{}", "[]", "0.5", "\"\\t\"",
        ][..],
    );
    one.prop_map(str::to_owned)
        .prop_recursive(3, 12, 4, |inner| {
            let key = prop::sample::select(&["a", "b", "\"c d\"", "'e'", "a.b"][..]);
            let pair = (key, inner.clone()).prop_map(|(key, value)| format!("{key} = {value}"));
            let comma = prop::sample::select(&[",", ", ", ",\n", " , # x\n"][..]);
            prop_oneof![
                (prop::collection::vec(inner, 0..4), comma)
                    .prop_map(|(items, comma)| format!("[{}]", items.join(comma))),
                prop::collection::vec(pair, 0..4)
                    .prop_map(|pairs| format!("{{{}}}", pairs.join(", "))),
            ]
        })
}

fn line() -> impl Strategy<Value = String> {
    let key = prop::sample::select(&["a", "b", "c", "d", "\"e f\"", "a.b"][..]);
    let header = prop::sample::select(
        &[
            "[a]",
            "[b]",
            "[a.b]",
            "[c.d.e]",
            "[ c . d ]",
            "[\"e f\"]",
            "[[g]]",
            "# x",
            "",
            "   ",
        ][..],
    );
    prop_oneof![
        (key, value()).prop_map(|(key, value)| format!("{key} = {value}")),
        header.prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_parts_are_read_as_the_crate_reads_them(
        parts in prop::collection::vec(prop::sample::select(&PARTS[..]), 0..24),
    ) {
        let text = parts.concat();
        if let Some(read) = read(&text) {
            prop_assert_eq!(Some(sorted(read)), by_crate(&text), "for {:?}", text);
        }
    }

    #[test]
    fn lines_are_read_as_the_crate_reads_them(lines in prop::collection::vec(line(), 0..8)) {
        let text = lines.join("\n");
        if let Some(read) = read(&text) {
            prop_assert_eq!(Some(sorted(read)), by_crate(&text), "for {:?}", text);
        }
    }
}
