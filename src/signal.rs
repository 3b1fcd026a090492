//! A signal's name in, the signal out: those of signal(7), and the real-time ones as systemd writes them.

use std::fmt;
use std::str::FromStr;

use nix::libc;
use nix::sys::signal::Signal;

/// A signal, real-time ones included, which [`Signal`] does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalNumber(i32);

impl SignalNumber {
    /// What ends a program politely.
    pub const TERM: Self = Self(libc::SIGTERM);
    /// What ends every program.
    pub const KILL: Self = Self(libc::SIGKILL);

    /// The names that [`Self::parse`] knows, without the real-time ones.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Signal::iterator().map(Signal::as_str)
    }

    /// The signal called `name`: `SIGQUIT`, `SIGRTMIN+3`, `SIGRTMAX-1`; or what is wrong with it, in words for a diagnostic.
    ///
    /// # Errors
    /// For any other text, numbers included: those of real-time signals differ between C libraries.
    pub fn parse(name: &str) -> Result<Self, String> {
        if let Ok(signal) = Signal::from_str(name) {
            return Ok(Self(signal as i32));
        }
        let real_time = if let Some(offset) = name.strip_prefix("SIGRTMIN") {
            offset_after(offset, '+').map(|offset| libc::SIGRTMIN() + offset)
        } else if let Some(offset) = name.strip_prefix("SIGRTMAX") {
            offset_after(offset, '-').map(|offset| libc::SIGRTMAX() - offset)
        } else {
            None
        };
        real_time
            .filter(|number| (libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(number))
            .map(Self)
            .ok_or_else(|| {
                format!("'{name}' is no signal; one is called as in signal(7), such as SIGQUIT or SIGRTMIN+3")
            })
    }

    /// Its number on this machine.
    pub fn number(self) -> i32 {
        self.0
    }

    /// Whether a program can tell that it was sent (signal(7)).
    pub fn can_be_caught(self) -> bool {
        !matches!(self.0, libc::SIGKILL | libc::SIGSTOP)
    }

    /// Whether systemd takes an end by this signal for a clean one (systemd.service(5), `SuccessExitStatus=`).
    pub fn is_clean_end(self) -> bool {
        matches!(
            self.0,
            libc::SIGHUP | libc::SIGINT | libc::SIGTERM | libc::SIGPIPE
        )
    }

    /// What a shell or an init exits with after a child that the signal has ended.
    pub fn exit_status(self) -> i32 {
        128 + self.0
    }

    /// Its bit in the masks of `/proc/PID/status` (proc_pid_status(5)).
    pub fn bit(self) -> u64 {
        // Signals are numbered from 1 to 64.
        1 << (self.0 - 1)
    }
}

/// What follows `SIGRTMIN` or `SIGRTMAX`: nothing, or `sign` and a number. More than two digits are never right.
fn offset_after(text: &str, sign: char) -> Option<i32> {
    if text.is_empty() {
        return Some(0);
    }
    let digits = text.strip_prefix(sign)?;
    let padded = digits.len() > 1 && digits.starts_with('0');
    let number = (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    (number && !padded).then(|| digits.parse().ok()).flatten()
}

impl fmt::Display for SignalNumber {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match Signal::try_from(self.0) {
            Ok(signal) => f.write_str(signal.as_str()),
            Err(_) if self.0 == libc::SIGRTMIN() => f.write_str("SIGRTMIN"),
            Err(_) => write!(f, "SIGRTMIN+{}", self.0 - libc::SIGRTMIN()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for (name, number, shown) in [
            ("SIGTERM", 15, "SIGTERM"),
            ("SIGQUIT", 3, "SIGQUIT"),
            ("SIGWINCH", 28, "SIGWINCH"),
            ("SIGRTMIN", libc::SIGRTMIN(), "SIGRTMIN"),
            ("SIGRTMIN+3", libc::SIGRTMIN() + 3, "SIGRTMIN+3"),
            ("SIGRTMAX-1", libc::SIGRTMAX() - 1, "SIGRTMIN+29"),
            ("SIGRTMIN+30", libc::SIGRTMAX(), "SIGRTMIN+30"),
        ] {
            let signal = SignalNumber::parse(name).unwrap();
            assert_eq!(
                (signal.number(), signal.to_string().as_str()),
                (number, shown)
            );
        }
    }

    #[test]
    fn nothing_else_is_a_signal() {
        for name in [
            "",
            "TERM",
            "sigterm",
            "15",
            "SIG",
            "SIGRTMIN+31",
            "SIGRTMAX-31",
            "SIGRTMIN-1",
            "SIGRTMAX+1",
            "SIGRTMIN+",
            "SIGRTMIN++1",
            "SIGRTMIN+003",
            "SIGRTMIN+03",
            "SIGRTMIN+99999999999",
            "SIGTERM ",
        ] {
            let message = SignalNumber::parse(name).unwrap_err();
            assert!(
                message.starts_with(&format!("'{name}' is no signal")),
                "{message}"
            );
        }
    }

    #[test]
    fn what_is_known_of_a_signal() {
        let of = |name| SignalNumber::parse(name).unwrap();
        assert!(!of("SIGKILL").can_be_caught() && !of("SIGSTOP").can_be_caught());
        assert!(of("SIGTERM").can_be_caught() && of("SIGRTMIN").can_be_caught());
        assert!(of("SIGPIPE").is_clean_end() && !of("SIGQUIT").is_clean_end());
        assert_eq!(of("SIGTERM").exit_status(), 143);
        for name in SignalNumber::names() {
            assert_eq!(of(name).to_string(), name);
        }
    }

    #[test]
    fn the_bit_is_that_of_proc() {
        assert_eq!(SignalNumber::TERM.bit(), 0x4000);
        assert_eq!(SignalNumber::parse("SIGRTMAX").unwrap().bit(), 1 << 63);
    }
}
