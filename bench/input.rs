//! How many containers in; files that describe as many, for lodger and for Quadlet, out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

/// A container as both programs read it; every second one is long.
const FILES: [(&str, &str); 2] = [
    (
        include_str!("files/short.toml"),
        include_str!("files/short.container"),
    ),
    (
        include_str!("files/long.toml"),
        include_str!("files/long.container"),
    ),
];

/// What one in ten has besides.
const DROP_IN: (&str, &str) = (
    include_str!("files/drop-in.toml"),
    include_str!("files/drop-in.conf"),
);
/// What its unit has by that.
const OF_DROP_IN: &str = "SHOP_QUEUE=slow";

/// Where the files for a number of containers are, as if it were `/`.
pub fn root(files: usize) -> PathBuf {
    PathBuf::from(format!("/bench/input/{files}"))
}

/// How many of them have a drop-in.
pub fn drop_ins(files: usize) -> usize {
    (0..files).filter(|number| has_drop_in(*number)).count()
}

fn has_drop_in(number: usize) -> bool {
    number % 10 == 5
}

/// How many units in `directory` say what the drop-in says.
pub fn drop_ins_in(directory: &Path) -> Result<usize> {
    let mut found = 0;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_file() && fs::read_to_string(&path)?.contains(OF_DROP_IN) {
            found += 1;
        }
    }
    Ok(found)
}

/// Writes the files for that many containers.
pub fn write(files: usize) -> Result<()> {
    let containers = root(files).join("etc/lodger");
    let quadlets = root(files).join("quadlets");
    let units = root(files).join("usr/lib/systemd/system");
    for directory in [&containers, &quadlets, &units] {
        if directory.exists() {
            fs::remove_dir_all(directory)?;
        }
        fs::create_dir_all(directory)?;
    }
    for number in 0..files {
        let (toml, container) = FILES[number % FILES.len()];
        let (toml_path, container_path) = (
            containers.join(format!("shop-{number}.toml")),
            quadlets.join(format!("shop-{number}.container")),
        );
        fs::write(&toml_path, toml)?;
        fs::write(&container_path, container)?;
        if has_drop_in(number) {
            for (path, name, text) in [
                (toml_path, "queue.toml", DROP_IN.0),
                (container_path, "queue.conf", DROP_IN.1),
            ] {
                let mut directory = path.into_os_string();
                directory.push(".d");
                fs::create_dir(&directory)?;
                fs::write(Path::new(&directory).join(name), text)?;
            }
        }
    }
    // As many as a small server has: lodger looks through their names.
    for number in 0..300 {
        fs::write(units.join(format!("unit-{number}.service")), "")?;
    }
    Ok(())
}
