//! Bytes in, as a container file, a template and a drop-in; a panic out if any of them makes a unit that is not sound.

#![no_main]

use std::collections::BTreeMap;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use lodger::container::file::{ContainerFile, Layers, Refused, parse, read_file};
use lodger::container::name::FileName;
use lodger::document::{Layer, MOST_MISTAKES, Source, text_of};
use lodger::host::Host;
use lodger::prefix::Prefix;
use lodger::service::{Way, service, stub, stub_units_to_start};

mod line;
mod sound;

use sound::{assert_meant, assert_sound, assert_told, command, values};

const GOOD: &str = "description = \"Shop front\"\nexec = [\"/bin/x\", \"a b\"]\ninstances = [\"a\", \"b-c\"]\n\
                    environment = { A = \"1\" }\n[mounts]\n\"/a\" = { volume = \"a\" }\n[limits]\ntasks = 1\n";
const INSTANCES: &str = "instances = [\"a\", \"b-c\"]\n";

fuzz_target!(|bytes: &[u8]| {
    let text = match text_of(Path::new("/etc/lodger/web.toml"), bytes) {
        Ok(text) => text,
        Err(diagnostics) => return assert_told(&diagnostics),
    };
    let [plain, template] = ["web", "web@"].map(|name| FileName::parse(name).expect("a name"));
    check(parse(&plain, Path::new("/etc/lodger/web.toml"), text));
    // Ten thousand instances take long and say no more than nine.
    let digits = |text: &str| {
        text.split(|c: char| !c.is_ascii_hexdigit())
            .any(|run| run.len() > 1)
    };
    if text
        .find("instances")
        .is_some_and(|at| !digits(text[at..].lines().next().unwrap_or_default()))
    {
        check(parse(&template, Path::new("/etc/lodger/web@.toml"), text));
    }
    check_layers(&template, [text, INSTANCES]);
    check_layers(&template, [GOOD, text]);
});

/// The second text as a drop-in over the first.
fn check_layers(name: &FileName, texts: [&str; 2]) {
    let paths = ["/etc/lodger/web@.toml", "/etc/lodger/web@.toml.d/x.toml"];
    let sources = [0, 1].map(|number| Source::new(Path::new(paths[number]), texts[number]));
    let tables = sources.each_ref().map(|source| source.parse());
    let [Ok(file), Ok(drop_in)] = &tables else {
        return;
    };
    let layer = |document, table| Layer { document, table };
    let layers = Layers {
        common: vec![layer(0, file), layer(1, drop_in)],
        instances: BTreeMap::new(),
        most_mistakes: MOST_MISTAKES,
        with_wishes: true,
        only: None,
    };
    check(read_file(name, &sources, 0, &layers));
}

fn check(read: Result<ContainerFile, Refused>) {
    match read {
        Ok(file) => {
            assert!(!file.containers.is_empty());
            for container in &file.containers {
                let unit = service(
                    container,
                    Way::of(container, &Prefix::under("/nowhere".as_ref()), 257),
                    &Host::default(),
                );
                assert_sound(&unit);
                assert_meant(&unit, container);
            }
        }
        Err(refused) => {
            assert_told(&refused.diagnostics);
            let stubs = stub(&refused);
            assert_eq!(stubs.len(), stub_units_to_start(&refused).len());
            for unit in stubs {
                assert_sound(&unit);
                let commands = values(&unit, "ExecStart");
                let words = command(commands.first().expect("a stub says why"));
                assert!(words.len() >= 3, "{words:?}");
                assert_eq!(words[..2], ["/usr/bin/printf", "%s\\n"]);
            }
        }
    }
}
