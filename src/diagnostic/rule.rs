//! The identifiers of the rules. They are stable: people search for them and scripts match them, so a number is never used again.

/// The file cannot be opened or read.
pub const UNREADABLE: &str = "L001";
/// It is not a regular file, or longer than a file may be.
pub const NOT_A_TEXT_FILE: &str = "L002";
/// It is not UTF-8.
pub const NOT_UTF8: &str = "L003";
/// A character that cannot stand in a unit: NUL, or one that systemd takes for invalid UTF-8.
pub const CHARACTER: &str = "L004";
/// It is not TOML.
pub const SYNTAX: &str = "L005";
/// A key or table that lodger does not know.
pub const UNKNOWN_KEY: &str = "L006";
/// A value of the wrong type.
pub const WRONG_TYPE: &str = "L007";
/// A key that must be there is not.
pub const MISSING_KEY: &str = "L008";
/// A container's, file's or instance's name breaks the rule for names.
pub const NAME: &str = "L009";
/// A value outside the words or the range that its key takes.
pub const VALUE: &str = "L010";
/// A program that systemd would not run as written.
pub const PROGRAM: &str = "L011";
/// A path that is not absolute and normal.
pub const PATH: &str = "L012";
/// A time, size or share that cannot be read.
pub const QUANTITY: &str = "L013";
/// The name of an environment variable.
pub const VARIABLE: &str = "L014";
/// `%i` where there is no instance.
pub const SPECIFIER: &str = "L015";
/// `instances` where it does not belong, or not as it must be.
pub const INSTANCES: &str = "L016";
/// A reference to a container that is not there, or that is refused.
pub const REFERENCE: &str = "L017";
/// Containers that require each other in a circle.
pub const CYCLE: &str = "L018";
/// A generated unit would stand in for one that is there already.
pub const CLASH: &str = "L019";
/// Something that this version of lodger does not do yet.
pub const NOT_YET: &str = "L020";
/// Two keys that exclude each other.
pub const CONFLICT: &str = "L021";
/// Not there at boot, or not there now.
pub const NOT_THERE: &str = "L022";
/// A systemd directive that cannot be set here.
pub const DIRECTIVE: &str = "L023";
