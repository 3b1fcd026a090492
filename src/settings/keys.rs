//! The key table of `/etc/lodger.toml`, and what a value of each key means.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::OnFailure;
use crate::container::keys::TableAbout;
use crate::container::update;
use crate::container::values::{self, path::absolute, quantity::time_within};
use crate::diagnostic::{Fault, quote, rule};
use crate::document::{About, Key, Scalar, Shape, read_word, text, words};

/// Most jobs at once that anybody may ask for.
pub const MOST_PARALLEL: usize = 1024;
/// Most bases that are kept without being used.
const MOST_KEPT: usize = 1000;
/// Most containers that anybody may want in one wave.
const MOST_WIDTH: usize = 20_000;
/// Where a base would be lost, or could not be, in places that do not outlive a boot or hold no files.
const NO_PLACE: [&str; 5] = ["/proc", "/sys", "/dev", "/run", "/tmp"];

/// Its tables, in the order of the manual page.
pub static TABLES: [TableAbout; 3] = [
    TableAbout {
        name: "bases",
        meaning: "The trees that containers share.",
        entries: None,
    },
    TableAbout {
        name: "refresh",
        meaning: "What happens after a package change.",
        entries: None,
    },
    TableAbout {
        name: "waves",
        meaning: "The containers that a refresh restarts together: a table for each wave, by the name that containers have in \
                  `update.wave`. A wave needs a table only where it differs from the others.",
        entries: Some("the name of the wave"),
    },
];

macro_rules! keys {
    ($($id:ident: $type:ty = $table:literal $name:literal, $shape:expr, $read:expr, default $default:literal, by $directive:literal,
        like $example:literal, $meaning:literal;)*) => {
        $(
            #[doc = concat!("`", $table, ".", $name, "`")]
            pub static $id: Key<$type> = Key {
                about: About {
                    table: $table,
                    name: $name,
                    shape: $shape,
                    default: $default,
                    meaning: $meaning,
                    directive: $directive,
                    since: "0.1",
                    example: $example,
                },
                read: $read,
            };
        )*
        /// Every key, in the order of the manual page.
        pub static KEYS: &[&About] = &[$(&$id.about),*];
    };
}

keys! {
    DIRECTORY: PathBuf = "bases" "directory", Shape::Path, directory,
        default "\"/var/lib/lodger/bases\"", by "none: lodger and lodgerd read it", like "\"/usr/lodger-bases\"",
        "Where the pinned bases lie. On the filesystem of `/usr` they share its files; elsewhere they are copies of them.";
    KEEP: NonZeroUsize = "bases" "keep", Shape::Integer(1, MOST_KEPT as i64), keep,
        default "3", by "none: lodger and lodgerd read it", like "5",
        "How many of the newest bases are kept. Those that containers use or are held on are kept besides.";

    PARALLEL: NonZeroUsize = "refresh" "parallel", Shape::Integer(1, MOST_PARALLEL as i64), parallel,
        default "eight for each CPU, at most 32", by "none: lodgerd reads it", like "8",
        "How many containers are restarted at the same time after a package change.";
    WIDTH: NonZeroUsize = "refresh" "width", Shape::Integer(1, MOST_WIDTH as i64), width,
        default "no limit", by "none: lodgerd reads it", like "50",
        "The most containers in one wave. What is more becomes further waves, each begun when the one before is ready.";
    WAVES: String = "refresh" "waves", Shape::List(&Shape::Text), update::wave,
        default "[\"canary\", \"default\"]", by "none: lodgerd reads it", like "[\"canary\", \"front\", \"default\"]",
        "The waves in their order. `canary` comes first and `default`, that of containers without `update.wave`, last if they are not \
         in it; other waves that are not in it come just before `default`, by their names.";
    ON_FAILURE: OnFailure = "refresh" "on-failure", Shape::Words(words::<OnFailure>), read_word,
        default "\"stop\"", by "none: lodgerd reads it", like "\"continue\"",
        "What becomes of the waves after one in which a container did not become ready: with `stop` they are not begun, and their \
         containers stay as they are.";
    SECURITY_IGNORES_WINDOWS: bool = "refresh" "security-ignores-windows", Shape::Boolean, values::boolean,
        default "false", by "none: lodgerd reads it", like "true",
        "Whether updates from a security archive reach containers at once, and not only in the windows of their waves.";

    WAVE_WINDOW: String = "waves" "window", Shape::Text, window,
        default "always open", by "none: lodgerd reads it", like "\"Sun 02:00\"",
        "When a refresh may restart the containers of the wave: from each such time on, a calendar expression of systemd.time(7), for \
         `length`. Outside of it they wait, and are shown as stale.";
    WAVE_LENGTH: Duration = "waves" "length", Shape::Time(60, 604_800), length,
        default "\"1h\"", by "none: lodgerd reads it", like "\"2h\"",
        "How long the window stays open: `1min` to `7d`. A wave that has begun is brought to its end; those that have not by then \
         wait for the next time.";
    WAVE_WIDTH: NonZeroUsize = "waves" "width", Shape::Integer(1, MOST_WIDTH as i64), width,
        default "that of [refresh]", by "none: lodgerd reads it", like "1",
        "The most containers of this wave that are restarted together.";
}

fn directory(scalar: Scalar) -> Result<PathBuf, Fault> {
    let path = absolute(scalar)?;
    if path == Path::new("/") || NO_PLACE.iter().any(|place| path.starts_with(place)) {
        let message = format!("'{}' is no place for bases", path.display());
        return Err(Fault::new(rule::PATH, message).help("a directory that outlives a boot"));
    }
    Ok(path)
}

fn keep(scalar: Scalar) -> Result<NonZeroUsize, Fault> {
    number(scalar, MOST_KEPT, "bases")
}

fn parallel(scalar: Scalar) -> Result<NonZeroUsize, Fault> {
    number(scalar, MOST_PARALLEL, "jobs")
}

fn width(scalar: Scalar) -> Result<NonZeroUsize, Fault> {
    number(scalar, MOST_WIDTH, "containers")
}

/// What a calendar expression means only systemd knows; see [`crate::window`]. Here it is one line that is handed on whole.
fn window(scalar: Scalar) -> Result<String, Fault> {
    const LONGEST: usize = 200;
    let expression = text(scalar)?.trim().to_owned();
    let why = if expression.is_empty() {
        "is empty"
    } else if expression.contains(char::is_control) {
        "is not one line without control characters"
    } else if expression.len() > LONGEST {
        "is longer than 200 bytes"
    } else {
        return Ok(expression);
    };
    let message = format!("the window {} {why}", quote(&expression));
    Err(Fault::new(rule::VALUE, message).help("such as \"Sun 02:00\"; see systemd.time(7)"))
}

fn length(scalar: Scalar) -> Result<Duration, Fault> {
    const LEAST: Duration = Duration::from_secs(60);
    const MOST: Duration = Duration::from_secs(7 * 24 * 60 * 60);
    time_within(scalar, LEAST, MOST, "from 1min to 7d")
}

fn number(scalar: Scalar, most: usize, what: &str) -> Result<NonZeroUsize, Fault> {
    let Scalar::Integer(number) = scalar else {
        return Err(Fault::new(
            rule::WRONG_TYPE,
            format!("expected an integer, found {}", scalar.kind()),
        ));
    };
    match usize::try_from(number).ok().and_then(NonZeroUsize::new) {
        Some(number) if number.get() <= most => Ok(number),
        _ => Err(
            Fault::new(rule::VALUE, format!("{number} is not a number of {what}"))
                .help(format!("1 to {most}")),
        ),
    }
}
