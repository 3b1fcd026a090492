//! System calls, their groups, errors and architectures.
//!
//! The names are those that Debian 13's systemd 257 (libseccomp 2.6) has in its groups,
//! `systemd-analyze syscall-filter | sed -n 's/^    \([a-z_0-9]*\)$/\1/p' | sort -u`, without those of which it says in a unit that
//! they are not known. The system test `raw` asks it about each.

use super::number::is_in;
use super::{Checked, each_word, each_word_or_none_of, not, one_of_many};
use crate::diagnostic::did_you_mean;

const NAMES: &str = include_str!("system_calls.txt");
const GROUPS: [&str; 28] = [
    "@default",
    "@aio",
    "@basic-io",
    "@chown",
    "@clock",
    "@cpu-emulation",
    "@debug",
    "@file-system",
    "@io-event",
    "@ipc",
    "@keyring",
    "@memlock",
    "@module",
    "@mount",
    "@network-io",
    "@obsolete",
    "@pkey",
    "@privileged",
    "@process",
    "@raw-io",
    "@reboot",
    "@resources",
    "@sandbox",
    "@setuid",
    "@signal",
    "@swap",
    "@sync",
    "@system-service",
];
const MORE_GROUPS: [&str; 2] = ["@timer", "@known"];

/// `SystemCallFilter=`: calls and groups, in a list of what is not allowed perhaps each with the error it gives.
pub fn filter(text: &str) -> Checked {
    let is_denied = text.starts_with('~');
    each_word_or_none_of(text, |word| match word.split_once(':') {
        Some((name, _)) if !is_denied => Err(not(word, "a system call").help(format!(
            "only what is not allowed gives an error: \"~{word}\", or \"{name}\" without one"
        ))),
        Some((name, number)) => {
            let number = error(number)?;
            Ok(format!("{}:{number}", call(name)?))
        }
        None => call(word),
    })
}

/// `SystemCallLog=`: calls and groups.
pub fn list(text: &str) -> Checked {
    each_word_or_none_of(text, call)
}

fn call(name: &str) -> Checked {
    let names = || NAMES.split_ascii_whitespace();
    let groups = || GROUPS.into_iter().chain(MORE_GROUPS);
    if names().chain(groups()).any(|known| known == name) {
        return Ok(name.to_owned());
    }
    let (what, meant) = match name.starts_with('@') {
        true => ("a group of system calls", did_you_mean(name, groups())),
        false => ("a system call", did_you_mean(name, names())),
    };
    Err(not(name, what).suggest(meant))
}

/// `SystemCallErrorNumber=`: an error's name or number, or `kill`.
pub fn error(text: &str) -> Checked {
    if text == "kill" || is_in(text, 1..=4095) || ERRORS.split(' ').any(|name| name == text) {
        return Ok(text.to_owned());
    }
    Err(not(text, "the name or the number of an error")
        .suggest(did_you_mean(text, ERRORS.split(' '))))
}

/// `SystemCallArchitectures=`.
pub fn architectures(text: &str) -> Checked {
    const NAMES: [&str; 21] = [
        "native",
        "x86",
        "x86-64",
        "x32",
        "arm",
        "arm64",
        "loongarch64",
        "mips",
        "mips64",
        "mips64-n32",
        "mips-le",
        "mips64-le",
        "mips64-le-n32",
        "parisc",
        "parisc64",
        "ppc",
        "ppc64",
        "ppc64-le",
        "riscv64",
        "s390",
        "s390x",
    ];
    each_word(text, |word| one_of_many(word, "an architecture", &NAMES))
}

/// errno(3) on Linux.
const ERRORS: &str = "E2BIG EACCES EADDRINUSE EADDRNOTAVAIL EADV EAFNOSUPPORT EAGAIN EALREADY EBADE EBADF EBADFD EBADMSG \
    EBADR EBADRQC EBADSLT EBFONT EBUSY ECANCELED ECHILD ECHRNG ECOMM ECONNABORTED ECONNREFUSED \
    ECONNRESET EDEADLK EDEADLOCK EDESTADDRREQ EDOM EDOTDOT EDQUOT EEXIST EFAULT EFBIG EHOSTDOWN \
    EHOSTUNREACH EHWPOISON EIDRM EILSEQ EINPROGRESS EINTR EINVAL EIO EISCONN EISDIR EISNAM EKEYEXPIRED \
    EKEYREJECTED EKEYREVOKED EL2HLT EL2NSYNC EL3HLT EL3RST ELIBACC ELIBBAD ELIBEXEC ELIBMAX ELIBSCN \
    ELNRNG ELOOP EMEDIUMTYPE EMFILE EMLINK EMSGSIZE EMULTIHOP ENAMETOOLONG ENAVAIL ENETDOWN ENETRESET \
    ENETUNREACH ENFILE ENOANO ENOBUFS ENOCSI ENODATA ENODEV ENOENT ENOEXEC ENOKEY ENOLCK ENOLINK \
    ENOMEDIUM ENOMEM ENOMSG ENONET ENOPKG ENOPROTOOPT ENOSPC ENOSR ENOSTR ENOSYS ENOTBLK ENOTCONN \
    ENOTDIR ENOTEMPTY ENOTNAM ENOTRECOVERABLE ENOTSOCK ENOTSUP ENOTTY ENOTUNIQ ENXIO EOPNOTSUPP \
    EOVERFLOW EOWNERDEAD EPERM EPFNOSUPPORT EPIPE EPROTO EPROTONOSUPPORT EPROTOTYPE ERANGE EREMCHG \
    EREMOTE EREMOTEIO ERESTART ERFKILL EROFS ESHUTDOWN ESOCKTNOSUPPORT ESPIPE ESRCH ESRMNT ESTALE \
    ESTRPIPE ETIME ETIMEDOUT ETOOMANYREFS ETXTBSY EUCLEAN EUNATCH EUSERS EWOULDBLOCK EXDEV EXFULL";
