//! A root in, the version of its systemd out, without running anything: it decides how the roots of containers are made.
//!
//! systemd has it in the names of its own libraries, `libsystemd-core-257.so` and `libsystemd-shared-257.so`. In the middle of an
//! upgrade the new libraries lie on the disk while the old systemd is still process 1, and that one reads the units. It
//! ignores a directive that it does not know, such as `RootMStack=`, and would run a container on the host's own root. So
//! what process 1 has mapped comes first.

use std::fs;
use std::path::Path;

use crate::prefix::Prefix;

/// What is taken for granted where no version is found: the oldest that lodger works with. What it has, newer ones have too.
pub const OLDEST: u32 = 257;

/// Where the libraries are: below /usr/lib, or below Debian's directory of the architecture there.
const ARCHITECTURES: [&str; 10] = [
    "",
    "x86_64-linux-gnu",
    "aarch64-linux-gnu",
    "arm-linux-gnueabihf",
    "arm-linux-gnueabi",
    "i386-linux-gnu",
    "loongarch64-linux-gnu",
    "powerpc64le-linux-gnu",
    "riscv64-linux-gnu",
    "s390x-linux-gnu",
];

/// The version of the systemd that will read the units made for the root below `prefix`.
///
/// Who may not look at process 1 gets the version that is installed; of another root only that is looked at.
pub fn systemd_version(prefix: &Prefix) -> u32 {
    let running = prefix.is_host().then(|| mapped(&prefix.at("/proc/1/maps")));
    running
        .flatten()
        .or_else(|| installed(prefix))
        .unwrap_or(OLDEST)
}

/// The version that the process has mapped whose memory `maps` lists (proc_pid_maps(5)).
fn mapped(maps: &Path) -> Option<u32> {
    // A path may hold any byte but a newline.
    let maps = fs::read(maps).ok()?;
    let mapped = maps.split(|&byte| byte == b'\n');
    mapped.filter_map(in_path).min()
}

/// Of several the oldest: they are there together only during an upgrade.
fn installed(prefix: &Prefix) -> Option<u32> {
    let directories =
        ARCHITECTURES.map(|architecture| prefix.at("/usr/lib").join(architecture).join("systemd"));
    directories
        .iter()
        .filter_map(|directory| fs::read_dir(directory).ok())
        .flatten()
        .filter_map(|entry| in_name(entry.ok()?.file_name().as_encoded_bytes()))
        .min()
}

fn in_path(path: &[u8]) -> Option<u32> {
    in_name(path.rsplit(|&byte| byte == b'/').next()?)
}

/// The version in the file name of a library of systemd's; distributions put more after the number.
fn in_name(name: &[u8]) -> Option<u32> {
    let rest = ["libsystemd-core-", "libsystemd-shared-"]
        .iter()
        .find_map(|library| name.strip_prefix(library.as_bytes()))?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = rest.split_at(digits);
    if !rest.windows(3).any(|window| window == b".so") {
        return None;
    }
    str::from_utf8(number).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::PathBuf;

    use super::*;

    /// A root with these files, each empty.
    struct Root(PathBuf);

    impl Root {
        fn with(name: &str, files: &[&str]) -> Self {
            let root = Self(std::env::temp_dir().join(format!(
                "lodger-systemd-version-{}-{name}",
                std::process::id()
            )));
            for file in files {
                let path = root.0.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "").unwrap();
            }
            root
        }

        fn version(&self) -> u32 {
            systemd_version(&Prefix::under(self.0.as_os_str()))
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_version_is_found_in_both_layouts() {
        let debian = "usr/lib/x86_64-linux-gnu/systemd/libsystemd-core-262.so";
        assert_eq!(Root::with("debian", &[debian]).version(), 262);
        let plain = "usr/lib/systemd/libsystemd-shared-260.1-2.fc44.so";
        assert_eq!(Root::with("plain", &[plain]).version(), 260);
    }

    #[test]
    fn of_two_versions_the_older_counts() {
        let files = [
            "usr/lib/aarch64-linux-gnu/systemd/libsystemd-shared-262.so",
            "usr/lib/aarch64-linux-gnu/systemd/libsystemd-shared-257.so",
            "usr/lib/aarch64-linux-gnu/systemd/libsystemd-core-262.so",
        ];
        assert_eq!(Root::with("two", &files).version(), 257);
    }

    #[test]
    fn without_a_version_it_is_the_oldest() {
        assert_eq!(Root::with("none", &["etc/os-release"]).version(), OLDEST);
        let others = [
            "usr/lib/systemd/libsystemd-shared-.so",
            "usr/lib/systemd/libsystemd-shared-262",
            "usr/lib/systemd/libsystemd-core-99999999999.so",
            "usr/lib/systemd/libsystemd.so.0",
            "usr/lib/systemd/my-libsystemd-core-270.so",
        ];
        assert_eq!(Root::with("others", &others).version(), OLDEST);
        let nowhere = Prefix::under(OsStr::new("/nonexistent"));
        assert_eq!(systemd_version(&nowhere), OLDEST);
    }

    #[test]
    fn process_1_counts_by_what_it_has_mapped() {
        let root = Root::with("maps", &["maps"]);
        let maps = root.0.join("maps");
        assert_eq!(mapped(&maps), None);
        // An upgrade has replaced the library, and process 1 is still the old one.
        fs::write(
            &maps,
            "55d0c0000000-55d0c0004000 r--p 00000000 fe:00 1 /usr/lib/systemd/systemd (deleted)\n\
             7f0000000000-7f0000200000 r-xp 00000000 fe:00 2 /usr/lib/x86_64-linux-gnu/systemd/libsystemd-core-257.so (deleted)\n\
             7f0000300000-7f0000400000 r-xp 00000000 fe:00 3 /usr/lib/x86_64-linux-gnu/libc.so.6\n\
             7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0 [stack]\n",
        )
        .unwrap();
        assert_eq!(mapped(&maps), Some(257));
        assert_eq!(mapped(&root.0.join("missing")), None);
    }
}
