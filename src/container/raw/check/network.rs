//! Addresses, address families, ports and interfaces.

use std::net::IpAddr;

use super::number::is_in;
use super::{Checked, each_word, each_word_or_none_of, not, one_of_many};

/// `IPAddressAllow=`, `IPAddressDeny=`: addresses, prefixes and systemd's words for some.
pub fn prefixes(text: &str) -> Checked {
    const WORDS: [&str; 4] = ["any", "localhost", "link-local", "multicast"];
    each_word(text, |word| {
        let (address, length) = match word.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (word, None),
        };
        let most = match address.parse() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => {
                return one_of_many(
                    word,
                    "an address, a prefix, or one of any, localhost, link-local, multicast",
                    &WORDS,
                );
            }
        };
        match length {
            Some(length) if !is_in(length, 0..=most) => {
                Err(not(word, "a prefix: it is longer than the address"))
            }
            _ => Ok(word.to_owned()),
        }
    })
}

/// `RestrictAddressFamilies=`: families, or none.
pub fn families(text: &str) -> Checked {
    const NAMES: [&str; 28] = [
        "AF_UNIX",
        "AF_INET",
        "AF_INET6",
        "AF_NETLINK",
        "AF_PACKET",
        "AF_ALG",
        "AF_APPLETALK",
        "AF_ATMPVC",
        "AF_ATMSVC",
        "AF_AX25",
        "AF_BLUETOOTH",
        "AF_BRIDGE",
        "AF_CAN",
        "AF_IB",
        "AF_IPX",
        "AF_KCM",
        "AF_KEY",
        "AF_LLC",
        "AF_MPLS",
        "AF_NETROM",
        "AF_NFC",
        "AF_PPPOX",
        "AF_QIPCRTR",
        "AF_RDS",
        "AF_TIPC",
        "AF_VSOCK",
        "AF_X25",
        "AF_XDP",
    ];
    if text == "none" {
        return Ok(text.to_owned());
    }
    each_word_or_none_of(text, |word| one_of_many(word, "an address family", &NAMES))
}

/// `SocketBindAllow=`, `SocketBindDeny=`: `[FAMILY:][PROTOCOL:][PORTS]`, or `any`.
pub fn bind_rule(text: &str) -> Checked {
    let wrong = || {
        not(text, "a rule for bind()")
            .help("such as \"tcp:8080\", \"ipv6:udp:5000-5010\" or \"any\"")
    };
    if text == "any" {
        return Ok(text.to_owned());
    }
    let mut parts = text.split(':').peekable();
    parts.next_if(|part| matches!(*part, "ipv4" | "ipv6"));
    parts.next_if(|part| matches!(*part, "tcp" | "udp"));
    match (parts.next(), parts.next()) {
        (None, _) => Ok(text.to_owned()),
        (Some(ports), None) if is_range_of_ports(ports) => Ok(text.to_owned()),
        _ => Err(wrong()),
    }
}

fn is_range_of_ports(text: &str) -> bool {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(from), Ok(to)) => {
            1 <= from && from <= to && is_in(first, 1..=65_535) && is_in(last, 1..=65_535)
        }
        _ => false,
    }
}

/// `RestrictNetworkInterfaces=`: interfaces by name (systemd's `ifname_valid`).
pub fn interfaces(text: &str) -> Checked {
    each_word_or_none_of(text, |word| {
        let allowed =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '+');
        let reserved = matches!(word, "." | ".." | "all" | "default");
        // What systemd would read as the number of one (`parse_ifindex`): also 0x10, 0b1, +1.
        let unsigned = word.strip_prefix('+').unwrap_or(word);
        let digits = ["0x", "0X", "0b", "0B", "0o", "0O"];
        let digits = digits.iter().find_map(|base| unsigned.strip_prefix(base));
        let digits = digits.unwrap_or(unsigned);
        let number = digits.bytes().all(|byte| byte.is_ascii_hexdigit())
            && unsigned.starts_with(|c: char| c.is_ascii_digit());
        if word.len() <= 15 && word.chars().all(allowed) && !reserved && !number {
            return Ok(word.to_owned());
        }
        Err(not(word, "the name of a network interface"))
    })
}
