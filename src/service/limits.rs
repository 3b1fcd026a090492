//! A container in; the directives that limit what it may use out.

use crate::container::{Container, Limit};
use crate::unit::Unit;

/// Adds them to the unit of `container`.
pub fn add(unit: &mut Unit, container: &Container) {
    let limits = &container.limits;
    let cpu = limits.cpu_percent.map(|percent| Limit::Of(percent.into()));
    let written = [
        ("MemoryMax", limits.memory, ""),
        ("MemoryHigh", limits.memory_high, ""),
        ("MemorySwapMax", limits.swap, ""),
        ("CPUQuota", cpu, "%"),
        ("TasksMax", limits.tasks, ""),
        ("LimitNOFILE", limits.open_files.map(Limit::Of), ""),
        ("IOWeight", limits.io_weight.map(Limit::Of), ""),
    ];
    for (key, limit, number_unit) in written {
        match limit {
            Some(Limit::Of(number)) => unit.add_number("Service", key, number, number_unit),
            Some(Limit::Infinity) => unit.add("Service", key, "infinity"),
            None => {}
        }
    }
}
