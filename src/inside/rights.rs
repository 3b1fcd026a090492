//! The text of `/proc/PID/status` in; what the process may do out, and this process cut down to it.

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};

/// The credentials of a process (credentials(7), capabilities(7)), by the host's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// Real, effective and saved user.
    users: [u32; 3],
    /// Real, effective and saved group.
    groups: [u32; 3],
    /// The other groups.
    supplementary: Vec<u32>,
    inheritable: u64,
    permitted: u64,
    bounding: u64,
    ambient: u64,
    /// Whether no program can give it more than it has.
    no_new_privileges: bool,
    /// Its number in its own PID namespace.
    pub pid_inside: i32,
}

impl Rights {
    /// Those in the text of `/proc/PID/status` (proc_pid_status(5)).
    ///
    /// # Errors
    /// When a line is missing or not as expected: nothing is guessed.
    pub fn parse(status: &str) -> Result<Self> {
        let status = Status(status);
        Ok(Self {
            users: status.three("Uid:")?,
            groups: status.three("Gid:")?,
            supplementary: status.numbers("Groups:")?,
            inheritable: status.mask("CapInh:")?,
            permitted: status.mask("CapPrm:")?,
            bounding: status.mask("CapBnd:")?,
            ambient: status.mask("CapAmb:")?,
            no_new_privileges: status.numbers::<u8>("NoNewPrivs:")? == [1],
            pid_inside: *status
                .numbers("NSpid:")?
                .last()
                .context("no 'NSpid:' in /proc/PID/status")?,
        })
    }

    /// Cuts this process down to these rights; no program that it executes gets more. Its own have to hold them all.
    ///
    /// # Errors
    /// When something cannot be dropped or taken on. The process must not go on then.
    pub fn take_on(&self) -> Result<()> {
        let supplementary: Vec<_> = self
            .supplementary
            .iter()
            .copied()
            .map(Gid::from_raw)
            .collect();
        setgroups(&supplementary).context("cannot set the groups")?;
        let [real, effective, saved] = self.groups.map(Gid::from_raw);
        setresgid(real, effective, saved).context("cannot set the group")?;
        // Before the user: it takes CAP_SETPCAP.
        drop_from_bounding_set(self.bounding).context("cannot drop capabilities")?;
        prctl::set_keepcaps(true).context("cannot keep capabilities")?;
        let [real, effective, saved] = self.users.map(Uid::from_raw);
        setresuid(real, effective, saved).context("cannot set the user")?;
        set_capabilities(self.permitted, self.inheritable).context("cannot set capabilities")?;
        set_ambient(self.ambient).context("cannot set ambient capabilities")?;
        prctl::set_no_new_privs().context("cannot do without new privileges")
    }

    /// Makes sure that a process which has taken on these rights has just them.
    ///
    /// # Errors
    /// With what it has, when it has others.
    pub fn require_same(&self, taken_on: &Self) -> Result<()> {
        let expected = Self {
            no_new_privileges: true,
            pid_inside: taken_on.pid_inside,
            ..self.clone()
        };
        if *taken_on != expected {
            bail!(
                "the command would have other rights than the container: {taken_on:?}, and not {expected:?}"
            );
        }
        Ok(())
    }
}

/// Lines of a key, a tab, and a value.
struct Status<'a>(&'a str);

impl Status<'_> {
    fn value(&self, key: &str) -> Result<&str> {
        let value = self.0.lines().find_map(|line| line.strip_prefix(key));
        value
            .map(str::trim)
            .with_context(|| format!("no '{key}' in /proc/PID/status"))
    }

    fn numbers<T: std::str::FromStr>(&self, key: &str) -> Result<Vec<T>> {
        let words = self.value(key)?.split_whitespace();
        words
            .map(|word| word.parse().ok())
            .collect::<Option<_>>()
            .with_context(|| format!("no numbers in '{key}' of /proc/PID/status"))
    }

    /// Real, effective and saved id. The fourth, for filesystems, follows the second.
    fn three(&self, key: &str) -> Result<[u32; 3]> {
        match self.numbers(key)?.as_slice() {
            [real, effective, saved, _] => Ok([*real, *effective, *saved]),
            _ => bail!("no four numbers in '{key}' of /proc/PID/status"),
        }
    }

    fn mask(&self, key: &str) -> Result<u64> {
        u64::from_str_radix(self.value(key)?, 16)
            .with_context(|| format!("no mask in '{key}' of /proc/PID/status"))
    }
}

/// Capabilities have numbers up to this one, whatever the kernel knows.
const MOST_CAPABILITIES: u32 = 64;

#[allow(
    unsafe_code,
    reason = "nix 0.31 has none of prctl(2)'s capability operations"
)]
fn prctl_capability(
    operation: libc::c_int,
    what: libc::c_ulong,
    capability: u32,
) -> Result<i32, Errno> {
    // SAFETY: these operations take integers only.
    Errno::result(unsafe {
        libc::prctl(
            operation,
            what,
            libc::c_ulong::from(capability),
            0 as libc::c_ulong,
            0 as libc::c_ulong,
        )
    })
}

fn drop_from_bounding_set(kept: u64) -> Result<(), Errno> {
    for capability in 0..MOST_CAPABILITIES {
        match prctl_capability(libc::PR_CAPBSET_READ, capability.into(), 0) {
            Ok(1) if kept & (1 << capability) == 0 => {
                prctl_capability(libc::PR_CAPBSET_DROP, capability.into(), 0)?;
            }
            Ok(_) => {}
            // The kernel knows no more.
            Err(Errno::EINVAL) => break,
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
}

fn set_ambient(ambient: u64) -> Result<(), Errno> {
    let operation = |what: libc::c_int, capability| {
        prctl_capability(libc::PR_CAP_AMBIENT, what as libc::c_ulong, capability)
    };
    operation(libc::PR_CAP_AMBIENT_CLEAR_ALL, 0)?;
    for capability in (0..MOST_CAPABILITIES).filter(|bit| ambient & (1 << bit) != 0) {
        operation(libc::PR_CAP_AMBIENT_RAISE, capability)?;
    }
    Ok(())
}

/// Sets the permitted and, to the same, the effective capabilities, and the inheritable ones (capset(2)).
#[allow(unsafe_code, reason = "neither nix 0.31 nor libc has capset(2)")]
fn set_capabilities(permitted: u64, inheritable: u64) -> Result<(), Errno> {
    const VERSION_3: u32 = 0x2008_0522;
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    #[repr(C)]
    struct Half {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    let half = |shift: u32| Half {
        effective: (permitted >> shift) as u32,
        permitted: (permitted >> shift) as u32,
        inheritable: (inheritable >> shift) as u32,
    };
    let header = Header {
        version: VERSION_3,
        pid: 0,
    };
    let halves = [half(0), half(32)];
    // SAFETY: version 3 reads one header and two halves, and both outlive the call.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, halves.as_ptr()) };
    Errno::result(result).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tnginx\nUmask:\t0022\nNSpid:\t4711\t1\n\
        Uid:\t0\t33\t0\t33\nGid:\t1\t2\t3\t2\nGroups:\t4 24 100 \n\
        CapInh:\t0000000000000400\nCapPrm:\t00000000a00425fb\nCapEff:\t0000000000000000\n\
        CapBnd:\t000000ffffffffff\nCapAmb:\t0000000000000400\nNoNewPrivs:\t1\nSeccomp:\t2\n";

    #[test]
    fn all_of_it_is_read() {
        assert_eq!(
            Rights::parse(STATUS).unwrap(),
            Rights {
                users: [0, 33, 0],
                groups: [1, 2, 3],
                supplementary: vec![4, 24, 100],
                inheritable: 0x400,
                permitted: 0xa004_25fb,
                bounding: 0xff_ffff_ffff,
                ambient: 0x400,
                no_new_privileges: true,
                pid_inside: 1,
            }
        );
        let none = Rights::parse(&STATUS.replace("4 24 100 ", "")).unwrap();
        assert!(none.supplementary.is_empty());
    }

    #[test]
    fn nothing_is_guessed() {
        for key in [
            "NSpid:",
            "Uid:",
            "Gid:",
            "Groups:",
            "CapInh:",
            "CapPrm:",
            "CapBnd:",
            "CapAmb:",
            "NoNewPrivs:",
        ] {
            let message = Rights::parse(&STATUS.replace(key, "Other:"))
                .unwrap_err()
                .to_string();
            assert_eq!(message, format!("no '{key}' in /proc/PID/status"));
        }
        for (is, becomes, message) in [
            (
                "0\t33\t0\t33",
                "0\t33\t0",
                "no four numbers in 'Uid:' of /proc/PID/status",
            ),
            ("24", "x", "no numbers in 'Groups:' of /proc/PID/status"),
            (
                "a00425fb",
                "a00425fg",
                "no mask in 'CapPrm:' of /proc/PID/status",
            ),
        ] {
            let error = Rights::parse(&STATUS.replace(is, becomes)).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn any_other_right_is_noticed() {
        let payload = Rights::parse(&STATUS.replace("NoNewPrivs:\t1", "NoNewPrivs:\t0")).unwrap();
        let same = STATUS.replace("4711\t1", "4712\t9");
        payload
            .require_same(&Rights::parse(&same).unwrap())
            .unwrap();
        for (is, becomes) in [
            ("0\t33\t0\t33", "0\t0\t0\t0"),
            ("1\t2\t3\t2", "1\t2\t0\t2"),
            ("4 24 100", "4 24 100 0"),
            ("CapInh:\t0000000000000400", "CapInh:\t0000000000000401"),
            ("00000000a00425fb", "00000000a00425ff"),
            ("000000ffffffffff", "000001ffffffffff"),
            ("CapAmb:\t0000000000000400", "CapAmb:\t0000000000000000"),
            ("NoNewPrivs:\t1", "NoNewPrivs:\t0"),
        ] {
            let other = Rights::parse(&same.replace(is, becomes)).unwrap();
            assert!(payload.require_same(&other).is_err(), "{becomes}");
        }
    }
}
