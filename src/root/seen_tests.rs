//! The mask of small host trees. Owners are those of whoever runs the tests, so only kinds and modes are asserted.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn host(files: &[(&str, u32)]) -> tempfile::TempDir {
    let host = tempfile::tempdir().unwrap();
    for (path, mode) in files {
        let at = host.path().join(path.trim_end_matches('/'));
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        if path.ends_with('/') {
            fs::create_dir_all(&at).unwrap();
        } else {
            fs::write(&at, "").unwrap();
        }
        fs::set_permissions(&at, fs::Permissions::from_mode(*mode)).unwrap();
    }
    host
}

/// One line an entry: `w` whiteout, `d` directory, `o` opaque, `l` link.
fn listing(mask: &Mask) -> Vec<String> {
    mask.iter()
        .map(|(path, entry)| match entry {
            Entry::Whiteout => format!("w {}", path.display()),
            Entry::Directory(owner) => format!("d {} {:o}", path.display(), owner.mode),
            Entry::Opaque(owner) => format!("o {} {:o}", path.display(), owner.mode),
            Entry::Symlink(target) => format!("l {} -> {}", path.display(), target.display()),
            Entry::File(owner, content) => format!(
                "f {} {:o} {}",
                path.display(),
                owner.mode,
                String::from_utf8_lossy(content)
            ),
        })
        .collect()
}

#[test]
fn secrets_are_taken_out_and_the_rest_of_etc_is_seen() {
    let host = host(&[
        ("etc/passwd", 0o644),
        ("etc/shadow", 0o640),
        ("etc/ssl/certs/ca.pem", 0o644),
        ("etc/ssl/private/key.pem", 0o644),
        ("etc/ssl/private/", 0o710),
        ("etc/named/unlisted", 0o600),
        ("etc/named/listed", 0o644),
        ("etc/named/", 0o711),
        ("etc/lodger/other.toml", 0o644),
        ("etc/lodger.toml", 0o644),
    ]);
    for directory in ["etc", "etc/ssl"] {
        fs::set_permissions(
            host.path().join(directory),
            fs::Permissions::from_mode(0o755),
        )
        .unwrap();
    }
    assert_eq!(
        listing(&mask_of_host(host.path(), &[]).unwrap()),
        [
            "d etc 755",
            "w etc/lodger",
            "w etc/lodger.toml",
            "d etc/named 711",
            "w etc/named/unlisted",
            "w etc/shadow",
            "d etc/ssl 755",
            "o etc/ssl/private 710",
        ]
    );
}

#[test]
fn the_top_level_is_an_allow_list() {
    let host = host(&[
        ("data/customers", 0o644),
        ("root/.ssh/id", 0o600),
        ("root/", 0o700),
        ("tmp/", 0o1777),
        ("usr/bin/true", 0o755),
        ("swapfile", 0o644),
    ]);
    symlink("usr/bin", host.path().join("bin")).unwrap();
    symlink("boot/vmlinuz", host.path().join("vmlinuz")).unwrap();
    assert_eq!(
        listing(&mask_of_host(host.path(), &[]).unwrap()),
        [
            "w data",
            "o root 700",
            "w swapfile",
            "o tmp 1777",
            "w vmlinuz"
        ]
    );
}

#[test]
fn var_is_a_skeleton_three_deep() {
    let host = host(&[
        ("var/lib/nginx/body/", 0o700),
        ("var/lib/nginx/body/deeper/", 0o755),
        ("var/lib/closed/inside/", 0o755),
        ("var/lib/closed/", 0o700),
        ("var/lib/lodger/containers/web/upper/", 0o755),
        ("var/lib/dpkg/status", 0o644),
        ("var/tmp/systemd-private-1/", 0o700),
        ("var/tmp/", 0o1777),
    ]);
    for directory in ["var", "var/lib", "var/lib/nginx", "var/lib/dpkg"] {
        fs::set_permissions(
            host.path().join(directory),
            fs::Permissions::from_mode(0o755),
        )
        .unwrap();
    }
    symlink("/run", host.path().join("var/run")).unwrap();
    symlink("/secret", host.path().join("var/lib/link")).unwrap();
    assert_eq!(
        listing(&mask_of_host(host.path(), &[]).unwrap()),
        [
            "o var 755",
            "d var/lib 755",
            "d var/lib/closed 700",
            "d var/lib/dpkg 755",
            "d var/lib/nginx 755",
            "d var/lib/nginx/body 700",
            "l var/run -> /run",
            "d var/tmp 1777",
        ]
    );
}

#[test]
fn hide_takes_out_what_the_path_leads_to() {
    let host = host(&[
        ("opt/other/key", 0o644),
        ("opt/mine/bin", 0o755),
        ("usr/lib/big", 0o644),
        ("var/lib/app/", 0o755),
    ]);
    symlink("usr/lib", host.path().join("lib")).unwrap();
    symlink("other/key", host.path().join("opt/link")).unwrap();
    for directory in ["opt", "opt/other", "usr", "usr/lib", "var", "var/lib"] {
        fs::set_permissions(
            host.path().join(directory),
            fs::Permissions::from_mode(0o755),
        )
        .unwrap();
    }
    let hide = ["/opt/link", "/lib/big", "/var/lib/app", "/nowhere/at/all"].map(PathBuf::from);
    assert_eq!(
        listing(&mask_of_host(host.path(), &hide).unwrap()),
        [
            "d opt 755",
            "w opt/link",
            "d opt/other 755",
            "w opt/other/key",
            "d usr 755",
            "d usr/lib 755",
            "w usr/lib/big",
            "o var 755",
            "d var/lib 755",
        ]
    );
}
