//! A line in; a panic out if it would not be one line of a unit.

/// systemd refuses a unit with a longer line (`LONG_LINE_MAX`).
const LONGEST_LINE: usize = 1 << 20;

/// `line` can stand in a unit.
pub fn assert_one_line(line: &str) {
    assert!(line.len() < LONGEST_LINE, "{} bytes", line.len());
    let dropped = |c: char| {
        c.is_ascii_control()
            || matches!(u32::from(c), 0xfdd0..=0xfdef)
            || u32::from(c) & 0xfffe == 0xfffe
    };
    assert!(!line.contains(dropped), "{line:?}");
    let backslashes = line.bytes().rev().take_while(|&byte| byte == b'\\');
    assert!(backslashes.count() % 2 == 0, "{line:?}");
}
