//! A container in; the directives that limit what it may use out.

use crate::container::{Container, Limit};
use crate::unit::{Unit, escape};

/// Adds them to the unit of `container`.
pub fn add(unit: &mut Unit, container: &Container) {
    let limits = &container.limits;
    let cpu = limits.cpu_percent.map(|percent| format!("{percent}%"));
    let written = [
        ("MemoryMax", limits.memory.map(in_words)),
        ("MemoryHigh", limits.memory_high.map(in_words)),
        ("MemorySwapMax", limits.swap.map(in_words)),
        ("CPUQuota", cpu),
        ("TasksMax", limits.tasks.map(in_words)),
        (
            "LimitNOFILE",
            limits.open_files.map(|files| files.to_string()),
        ),
        (
            "IOWeight",
            limits.io_weight.map(|weight| weight.to_string()),
        ),
    ];
    for (key, value) in written {
        if let Some(value) = value {
            unit.add("Service", key, escape::verbatim(value));
        }
    }
}

fn in_words(limit: Limit) -> String {
    match limit {
        Limit::Of(number) => number.to_string(),
        Limit::Infinity => "infinity".to_owned(),
    }
}
