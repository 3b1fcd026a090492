//! Two nodes of one type in; whether a program could tell them apart out.

use std::io::{self, Read};

use super::mark;
use super::node::{Kind, Node};

/// Whether two nodes have the same owner, mode, attributes and content; times do not count. `None` when reading them would
/// take more than `budget` bytes, which is lowered by what is read.
///
/// # Errors
/// When one of them cannot be read.
pub fn is_same(upper: &Node, lower: &Node, budget: &mut u64) -> io::Result<Option<bool>> {
    if !has_same_metadata(upper, lower)? {
        return Ok(Some(false));
    }
    match upper.kind {
        Kind::File => is_same_content(upper, lower, budget),
        Kind::Symlink => Ok(Some(upper.target()? == lower.target()?)),
        Kind::Device => Ok(Some(upper.device == lower.device)),
        Kind::Directory | Kind::Pipe | Kind::Socket => Ok(Some(true)),
    }
}

/// Whether two nodes have the same type, owner, mode and attributes.
///
/// # Errors
/// When the attributes cannot be read.
pub fn has_same_metadata(upper: &Node, lower: &Node) -> io::Result<bool> {
    Ok(upper.kind == lower.kind
        && upper.has_owner_and_mode_of(lower)
        && mark::attributes(upper)? == mark::attributes(lower)?)
}

fn is_same_content(upper: &Node, lower: &Node, budget: &mut u64) -> io::Result<Option<bool>> {
    if upper.size != lower.size {
        return Ok(Some(false));
    }
    if upper.size > *budget {
        return Ok(None);
    }
    *budget -= upper.size;
    let (Some(upper_file), Some(lower_file)) = (upper.open()?, lower.open()?) else {
        return Ok(None);
    };
    // Both may grow while they are read.
    let (mut ours, mut theirs) = (upper_file.take(upper.size), lower_file.take(upper.size));
    let (mut one, mut other) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        let read = fill(&mut ours, &mut one)?;
        if read != fill(&mut theirs, &mut other)? || one[..read] != other[..read] {
            return Ok(Some(false));
        }
        if read == 0 {
            return Ok(Some(true));
        }
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(filled)
}
