//! The end of the conversation that does the work: one for each refresh, on its standard input and output.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::announce::announce;
use super::message::{Answer, Request, hear, say};
use crate::container::Name;
use crate::main_process::MainProcess;
use crate::place;
use crate::signal::SignalNumber;
use crate::stop::stop;
use crate::systemd::Systemd;

/// What a thread needs that waits for a process, generously.
const STACK: usize = 256 * 1024;

/// Does what `requests` ask for until there are no more, and then waits for the stops it has begun.
///
/// Of what has been announced and nothing else, that is ended which is to stop: whoever has asked for that may have been killed before
/// it could say so here. The rest stays as it is.
///
/// # Errors
/// When it cannot read, answer, know where to speak to systemd, or connect to it.
pub fn serve(
    requests: impl BufRead,
    mut answers: impl Write,
    connect: impl FnOnce() -> Result<Systemd>,
) -> Result<()> {
    let systemd = std::env::var_os("NOTIFY_SOCKET").context("$NOTIFY_SOCKET is not set")?;
    let mut work = Work {
        systemd: systemd.into(),
        announced: HashMap::new(),
        ending: Vec::new(),
    };
    let served = work.serve(requests, &mut answers);
    let left = work.end_left(connect);
    for ending in work.ending {
        // One that has panicked has said so.
        let _ = ending.join();
    }
    served.and(left)
}

/// A stop that has been announced.
struct Announced {
    main: MainProcess,
    signal: SignalNumber,
    limit: Duration,
}

struct Work {
    /// Where to speak to systemd.
    systemd: PathBuf,
    /// By unit.
    announced: HashMap<String, Announced>,
    ending: Vec<JoinHandle<()>>,
}

impl Work {
    fn serve(&mut self, mut requests: impl BufRead, answers: &mut impl Write) -> Result<()> {
        while let Some(request) = hear(&mut requests).context("a request that makes no sense")? {
            match request {
                Request::Announce {
                    unit,
                    signal,
                    limit,
                } => {
                    let answer = match self.announce(&unit, &signal, limit) {
                        Ok(()) => Answer::Announced,
                        Err(cause) => Answer::Refused(format!("{cause:#}")),
                    };
                    say(answers, &answer).context("cannot answer")?;
                }
                Request::End { unit } => self.end(unit),
                Request::Leave { unit } => {
                    self.announced.remove(&unit);
                }
            }
        }
        Ok(())
    }

    fn announce(&mut self, unit: &str, signal: &str, limit: Duration) -> Result<()> {
        let signal = SignalNumber::parse(signal).map_err(anyhow::Error::msg)?;
        let main = main_process(unit)?;
        announce(&main, &self.systemd)?;
        let announced = Announced {
            main,
            signal,
            limit,
        };
        self.announced.insert(unit.to_owned(), announced);
        Ok(())
    }

    fn end_left(&mut self, connect: impl FnOnce() -> Result<Systemd>) -> Result<()> {
        if self.announced.is_empty() {
            return Ok(());
        }
        let units: Vec<&str> = self.announced.keys().map(String::as_str).collect();
        for unit in connect()?.stopping_for_jobs(&units)? {
            tracing::warn!("{unit} is to stop, and nobody says when; stopping it");
            self.end(unit);
        }
        Ok(())
    }

    /// Each in a thread of its own, which mostly waits.
    fn end(&mut self, unit: String) {
        let Some(announced) = self.announced.remove(&unit) else {
            return;
        };
        self.ending.retain(|ending| !ending.is_finished());
        let thread = thread::Builder::new().stack_size(STACK);
        let end = move || {
            let Announced {
                main,
                signal,
                limit,
            } = announced;
            if let Err(cause) = stop(&main, signal, limit) {
                tracing::error!("{unit}: {cause:#}");
            }
        };
        match thread.spawn(end) {
            Ok(ending) => self.ending.push(ending),
            Err(cause) => tracing::error!("its stop timeout has to end it: {cause}"),
        }
    }
}

/// Process 1 of the container whose service is `unit`. Nothing else is spoken for, or stopped, whoever asks.
fn main_process(unit: &str) -> Result<MainProcess> {
    if Name::of_service(unit).is_none() {
        bail!("'{unit}' is no container's");
    }
    let group = format!("/{}/{unit}", place::SLICE);
    MainProcess::of_namespace(&group)?.context("it has no process 1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_containers_are_spoken_for() {
        for unit in [
            "ssh.service",
            "lodger-web.socket",
            "lodger-../ssh.service",
            "lodgerd.service",
            "lodger-.service",
        ] {
            let refused = main_process(unit).unwrap_err().to_string();
            assert_eq!(refused, format!("'{unit}' is no container's"));
        }
        let refused = main_process("lodger-nobody-has-this-name.service").unwrap_err();
        assert_eq!(refused.to_string(), "it has no process 1");
    }

    #[test]
    fn what_makes_no_sense_ends_the_conversation() {
        let mut work = Work {
            systemd: PathBuf::new(),
            announced: HashMap::new(),
            ending: Vec::new(),
        };
        let mut answers = Vec::new();
        let requests = concat!(
            r#"{"end":{"unit":"lodger-a.service"}}"#,
            "\n",
            r#"{"announce":{"unit":"ssh.service","signal":"SIGTERM","limit":{"secs":1,"nanos":0}}}"#,
            "\n",
            r#"{"announce":{"unit":"lodger-a.service","signal":"SIGFOO","limit":{"secs":1,"nanos":0}}}"#,
            "\n",
            "{}\n",
            r#"{"announce":{"unit":"ssh.service","signal":"SIGTERM","limit":{"secs":1,"nanos":0}}}"#,
        );
        let ended = work.serve(requests.as_bytes(), &mut answers).unwrap_err();
        assert_eq!(ended.to_string(), "a request that makes no sense");
        let answers = String::from_utf8(answers).unwrap();
        let answers: Vec<Answer> = answers
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let unknown = SignalNumber::parse("SIGFOO").unwrap_err();
        assert_eq!(
            answers,
            [
                Answer::Refused("'ssh.service' is no container's".into()),
                Answer::Refused(unknown),
            ]
        );
    }

    #[test]
    fn a_line_without_an_end_is_not_read_for_ever() {
        let mut work = Work {
            systemd: PathBuf::new(),
            announced: HashMap::new(),
            ending: Vec::new(),
        };
        let requests = std::io::BufReader::new(std::io::repeat(b' '));
        assert!(work.serve(requests, &mut Vec::new()).is_err());
    }
}
