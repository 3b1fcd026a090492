//! A directory where another filesystem is mounted in; whether the walk may go in out.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::sys::statfs::fstatfs;

/// Those without files of their own, by `f_type` of statfs(2): proc, sysfs, cgroup, cgroup2, devpts, autofs, bpf, tracefs,
/// debugfs, securityfs, configfs, efivarfs, mqueue, hugetlbfs, binfmt_misc, pstore, nsfs, selinuxfs, rpc_pipefs, nfsd, fusectl.
const PSEUDO: [u32; 21] = [
    0x9fa0,
    0x6265_6572,
    0x0027_e0eb,
    0x6367_7270,
    0x1cd1,
    0x0187,
    0xcafe_4a11,
    0x7472_6163,
    0x6462_6720,
    0x7363_6673,
    0x6265_6570,
    0xde5e_81e4,
    0x1980_0202,
    0x9584_58f6,
    0x4249_4e4d,
    0x6165_676c,
    0x6e73_6673,
    0xf97c_ff8c,
    0x6759_6969,
    0x6e66_7364,
    0x6573_5543,
];
/// Those where another machine, or a program, has to answer: nfs, cifs, smb2, smb, ncp, ceph, openafs, afs, 9p, coda, lustre, fuse.
const REMOTE: [u32; 12] = [
    0x6969,
    0xff53_4d42,
    0xfe53_4d42,
    0x517b,
    0x564c,
    0x00c3_6400,
    0x5346_414f,
    0x6b41_4653,
    0x0102_1997,
    0x7375_7245,
    0x0bd0_0bd0,
    0x6573_5546,
];

/// What is mounted at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filesystem {
    /// Files on this machine.
    Local,
    /// Files that somebody else serves.
    Remote,
    /// No files.
    Pseudo,
}

/// The filesystem of an open file; with `O_PATH` nothing is mounted by looking.
///
/// # Errors
/// That of statfs(2).
pub fn filesystem(file: impl AsFd) -> Result<Filesystem, Errno> {
    // The kernel's numbers have 32 bits; the type of the field differs by architecture.
    let magic = fstatfs(file)?.filesystem_type().0 as u32;
    Ok(if PSEUDO.contains(&magic) {
        Filesystem::Pseudo
    } else if REMOTE.contains(&magic) {
        Filesystem::Remote
    } else {
        Filesystem::Local
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_and_sys_are_no_place_for_files() {
        for (path, expected) in [
            ("/proc", Filesystem::Pseudo),
            ("/sys", Filesystem::Pseudo),
            ("/", Filesystem::Local),
        ] {
            let directory = std::fs::File::open(path).unwrap();
            assert_eq!(filesystem(&directory), Ok(expected), "{path}");
        }
    }
}
