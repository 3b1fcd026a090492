//! Rows in; a table without lines, as `systemctl list-units` has it, out.

use comfy_table::{Table, presets};

/// A table with this first row.
pub fn plain_table<const COLUMNS: usize>(header: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

/// Its text, without a last line break and blanks at the ends of lines.
pub fn trimmed(table: &mut Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}
