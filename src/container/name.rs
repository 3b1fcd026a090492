//! A container's or container file's name in; the names that follow from it, or the rule it breaks, out.

use std::fmt;
use std::path::PathBuf;

use crate::place;
use crate::unit::escape;

/// The rule for names, for the help of a diagnostic.
pub const RULE: &str = "a name is made of a-z, 0-9, \".\", \"_\" and \"-\", begins with a letter or a digit, \
                        does not end in \"-\" and has no \"..\" in it";

/// What a unit's name may be long, in bytes (systemd's `UNIT_NAME_MAX` without the NUL).
const LONGEST_UNIT: usize = 255;
/// Of a unit that lodger has drop-ins for, behind its instance.
const SERVICE_DIRECTORY: &str = ".service.d";

/// The suffixes of systemd's units: what ends in one is a unit's name, everything else a container's.
pub const UNIT_SUFFIXES: [&str; 11] = [
    ".service",
    ".socket",
    ".target",
    ".mount",
    ".automount",
    ".device",
    ".swap",
    ".path",
    ".timer",
    ".slice",
    ".scope",
];

/// The name whose instances are taken: see [`place::ALERT_UNIT`].
const ALERT: &str = "alert";

/// A checked name: `web`, or `web@3` for an instance of `web@.toml`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// `text` as a name, or the rule it breaks, in words for a diagnostic.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (stem, instance) = match at_sign(text).map(|at| (&text[..at], &text[at + 1..])) {
            Some((stem, instance)) => (stem, Some(instance)),
            None => (text, None),
        };
        check_stem(stem)?;
        if let Some(instance) = instance {
            check_part("the instance", instance)?;
            if stem == ALERT {
                return Err(format!(
                    "the instances of \"{ALERT}@\" would be lodger's own lodger-{ALERT}@.service"
                ));
            }
        }
        let mut suffixes = UNIT_SUFFIXES.iter();
        if text.contains('.')
            && let Some(suffix) = suffixes.find(|suffix| text.ends_with(**suffix))
        {
            return Err(format!(
                "it ends in \"{suffix}\", and would be taken for the name of a unit"
            ));
        }
        let name = Self(text.to_owned());
        name.check_length()?;
        Ok(name)
    }

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `web@` for `web@3`: what is before the instance, with the `@`. `None` for a container that is no instance.
    pub fn template(&self) -> Option<&str> {
        at_sign(&self.0).map(|at| &self.0[..=at])
    }

    /// `3` for `web@3`. `None` for a container that is no instance.
    pub fn instance(&self) -> Option<&str> {
        at_sign(&self.0).map(|at| &self.0[at + 1..])
    }

    /// `lodger-NAME.service`.
    pub fn service(&self) -> String {
        service_of(&self.0)
    }

    /// The container whose service is `unit`; `None` if it is no container's.
    pub fn of_service(unit: &str) -> Option<Self> {
        let name = unit.strip_prefix("lodger-")?.strip_suffix(".service")?;
        Self::parse(name).ok()
    }

    /// The timer that has its health checked, if it has one: `lodgerd-health@NAME.timer`.
    pub fn health_timer(&self) -> String {
        [place::HEALTH_UNIT, &escape::name(&self.0), ".timer"].concat()
    }

    /// The service that checks its health: `lodgerd-health@NAME.service`.
    pub fn health_service(&self) -> String {
        [place::HEALTH_UNIT, &escape::name(&self.0), ".service"].concat()
    }

    /// The source of its overlays in mount tables: `lodger-NAME`.
    pub fn overlay(&self) -> String {
        format!("lodger-{}", self.0)
    }

    /// Where its root is mounted while it starts: `/run/lodger/roots/NAME`.
    pub fn root(&self) -> PathBuf {
        [place::ROOTS, "/", &self.0].concat().into()
    }

    /// Its state: `/var/lib/lodger/containers/NAME`, holding `upper` and `work`.
    pub fn state(&self) -> PathBuf {
        [place::CONTAINERS, "/", &self.0].concat().into()
    }

    /// All units that PID 1 knows it by need a name that systemd takes, and those that lodger has drop-ins for a directory beside;
    /// in most names each `-` costs four bytes. Those of its health are no longer than that.
    fn check_length(&self) -> Result<(), String> {
        // Nearly every name is so short that none has to be made to know.
        if place::PREPARE_UNIT.len() + SERVICE_DIRECTORY.len() + 4 * self.0.len() <= LONGEST_UNIT {
            return Ok(());
        }
        let mount = format!(
            "{}.mount",
            escape::path(&format!("{}/{}", place::ROOTS, self.0))
        );
        let prepare = [
            place::PREPARE_UNIT,
            &escape::name(&self.0),
            SERVICE_DIRECTORY,
        ]
        .concat();
        match [self.service(), mount, prepare]
            .iter()
            .find(|unit| unit.len() > LONGEST_UNIT)
        {
            Some(unit) => Err(format!(
                "its unit \"{}...\" would have a name of {} bytes; systemd takes {LONGEST_UNIT} (each \"-\" counts four times)",
                &unit[..40],
                unit.len()
            )),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a container file: `web` of `web.toml`, or `web@` of `web@.toml`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(String);

impl FileName {
    /// The name of the file that makes the container `name`.
    pub fn of(name: &Name) -> Self {
        Self(name.template().unwrap_or(&name.0).to_owned())
    }

    /// `text` without `.toml`, or the rule it breaks.
    pub fn parse(text: &str) -> Result<Self, String> {
        match at_sign(text).map(|at| (&text[..at], &text[at + 1..])) {
            None => Name::parse(text).map(|Name(name)| Self(name)),
            Some((stem, "")) => {
                // The shortest instance must fit, or there is nothing this file could make.
                Name::parse(&format!("{stem}@1"))?;
                Ok(Self(text.to_owned()))
            }
            Some((stem, _)) => Err(format!(
                "instances come from one file \"{stem}@.toml\" with \"instances\" in it"
            )),
        }
    }

    /// Whether it makes instances.
    pub fn is_template(&self) -> bool {
        self.0.ends_with('@')
    }

    /// As written, without `.toml`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The one container it makes; `None` for a template.
    pub fn name(&self) -> Option<Name> {
        (!self.is_template()).then(|| Name(self.0.clone()))
    }

    /// The container that the template makes for `instance`, or the rule that breaks.
    pub fn instance(&self, instance: &str) -> Result<Name, String> {
        check_part("the instance", instance)?;
        Name::parse(&format!("{}{instance}", self.0))
    }

    /// `lodger-NAME.service`, a template unit for a template.
    pub fn service(&self) -> String {
        service_of(&self.0)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the `@` of a name is. A name is short: `find()`, made for long texts, takes three times as long.
pub fn at_sign(name: &str) -> Option<usize> {
    name.bytes().position(|byte| byte == b'@')
}

fn service_of(name: &str) -> String {
    ["lodger-", name, ".service"].concat()
}

fn check_stem(stem: &str) -> Result<(), String> {
    check_part("the name", stem)?;
    if stem == "all" {
        return Err("the name \"all\" is kept for what is meant for all containers".to_owned());
    }
    Ok(())
}

/// The characters of names. A `-` at the end is how systemd and lodger name what is meant for all that begin so.
fn check_part(what: &str, part: &str) -> Result<(), String> {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    let allowed = |byte: u8| plain(byte) || byte == b'.';
    // Nearly all are, and one look is enough for them.
    let is_plain = part.bytes().all(plain) && !part.starts_with(['_', '-']);
    if is_plain && !part.is_empty() && !part.ends_with('-') {
        return Ok(());
    }
    if part.is_empty() {
        Err(format!("{what} is empty"))
    } else if let Some(character) = part.chars().find(|&c| !u8::try_from(c).is_ok_and(allowed)) {
        Err(format!("{what} has {character:?} in it"))
    } else if !part.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        Err(format!("{what} begins with \"{}\"", &part[..1]))
    } else if part.ends_with('-') {
        Err(format!("{what} ends in \"-\""))
    } else if part.contains("..") {
        Err(format!("{what} has \"..\" in it"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_names() {
        for name in [
            "web",
            "0",
            "a.b_c-d",
            "web@3",
            "web@a.b-c",
            "db.v2",
            "all-of-it",
        ] {
            assert_eq!(Name::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_that_are_none_tell_the_rule() {
        for (name, why) in [
            ("", "the name is empty"),
            (
                "alert@web",
                "the instances of \"alert@\" would be lodger's own lodger-alert@.service",
            ),
            ("../x", "the name has '/' in it"),
            ("a b", "the name has ' ' in it"),
            ("Web", "the name has 'W' in it"),
            ("café", "the name has 'é' in it"),
            ("a\nb", "the name has '\\n' in it"),
            (".web", "the name begins with \".\""),
            ("-web", "the name begins with \"-\""),
            ("web-", "the name ends in \"-\""),
            ("a..b", "the name has \"..\" in it"),
            (
                "all",
                "the name \"all\" is kept for what is meant for all containers",
            ),
            (
                "all@1",
                "the name \"all\" is kept for what is meant for all containers",
            ),
            ("web@", "the instance is empty"),
            ("web@1@2", "the instance has '@' in it"),
            ("@1", "the name is empty"),
            (
                "db.service",
                "it ends in \".service\", and would be taken for the name of a unit",
            ),
        ] {
            assert_eq!(Name::parse(name), Err(why.to_owned()), "for {name:?}");
        }
    }

    #[test]
    fn all_units_must_fit() {
        // lodger- and .service leave 240 bytes, run-lodger-roots- and .mount 232, lodgerd-prepare@ and .service.d 229.
        assert!(Name::parse(&"a".repeat(229)).is_ok());
        assert!(Name::parse(&"a".repeat(230)).is_err());
        assert!(Name::parse(&format!("{}a", "a-".repeat(45))).is_ok());
        assert_eq!(
            Name::parse(&format!("{}a", "a-".repeat(46))).unwrap_err(),
            "its unit \"lodgerd-prepare@a\\x2da\\x2da\\x2da\\x2da\\x2...\" would have a name of 257 bytes; systemd takes 255 \
             (each \"-\" counts four times)"
        );
        assert!(Name::parse(&format!("{}@1", "a".repeat(224))).is_ok());
        assert!(Name::parse(&format!("{}@1", "a".repeat(225))).is_err());
    }

    #[test]
    fn file_names_make_containers() {
        let web = FileName::parse("web").unwrap();
        assert_eq!(
            (web.is_template(), web.name(), web.service()),
            (
                false,
                Name::parse("web").ok(),
                "lodger-web.service".to_owned()
            )
        );
        let template = FileName::parse("web@").unwrap();
        assert_eq!((template.is_template(), template.name()), (true, None));
        assert_eq!(template.service(), "lodger-web@.service");
        assert_eq!(
            template.instance("3").unwrap().service(),
            "lodger-web@3.service"
        );
        assert_eq!(
            template.instance("3@"),
            Err("the instance has '@' in it".to_owned())
        );
        assert_eq!(
            FileName::parse("web@3").unwrap_err(),
            "instances come from one file \"web@.toml\" with \"instances\" in it"
        );
    }
}
