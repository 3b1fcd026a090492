//! Nothing in; what the processes and the kernel of the booted system use at this moment out.
//!
//! The booted system has no memory controller where the machine runs with control groups of version 1, so its kernel memory is
//! the machine's: what cannot be reclaimed of slab, page tables, kernel stacks, per-CPU data. It is measured as a difference, which
//! other work on the machine disturbs; levels below 100 tell nothing. What processes use is their share (PSS), which nothing else
//! disturbs.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// Fields of /proc/meminfo that containers cost (proc_meminfo(5)).
const KERNEL: [&str; 4] = ["SUnreclaim", "PageTables", "KernelStack", "Percpu"];

/// One look.
#[derive(Clone, Copy)]
pub struct Usage {
    pub processes: usize,
    /// Of processes, in bytes.
    pub process_memory: f64,
    /// In bytes.
    pub kernel_memory: f64,
}

impl Usage {
    /// The middle one of three looks: what was ended a moment ago is freed late.
    pub fn now() -> Result<Self> {
        let mut kernel = Vec::new();
        for _ in 0..3 {
            thread::sleep(Duration::from_millis(300));
            kernel.push(kernel_memory()?);
        }
        kernel.sort_by(f64::total_cmp);
        let (processes, process_memory) = processes()?;
        Ok(Usage {
            processes,
            process_memory,
            kernel_memory: kernel[1],
        })
    }
}

fn kernel_memory() -> Result<f64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines
        .filter(|(key, _)| KERNEL.contains(key))
        .map(|(_, value)| kibibytes(value))
        .sum()
}

fn kibibytes(value: &str) -> Result<f64> {
    let number = value.trim().trim_end_matches(" kB");
    Ok(number.parse::<f64>().context("a line of /proc")? * 1024.0)
}

/// How many there are, and their share of memory.
fn processes() -> Result<(usize, f64)> {
    let (mut count, mut bytes) = (0, 0.0);
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let name = entry.file_name();
        if !name.as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        match fs::read_to_string(entry.path().join("smaps_rollup")) {
            Ok(text) => {
                let pss = text.lines().find_map(|line| line.strip_prefix("Pss:"));
                // A zombie has none.
                if let Some(pss) = pss {
                    count += 1;
                    bytes += kibibytes(pss)?;
                }
            }
            // It ended meanwhile.
            Err(cause)
                if matches!(
                    cause.raw_os_error(),
                    Some(libc_error::ENOENT | libc_error::ESRCH)
                ) => {}
            Err(cause) => return Err(cause).context("cannot read the memory of a process"),
        }
    }
    Ok((count, bytes))
}

/// By name, as errno(3) has them.
mod libc_error {
    pub const ENOENT: i32 = nix::errno::Errno::ENOENT as i32;
    pub const ESRCH: i32 = nix::errno::Errno::ESRCH as i32;
}
