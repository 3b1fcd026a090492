//! lodgerd's end of the conversation.

use std::collections::HashMap;
use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::message::{Answer, Request, hear, say};
use crate::systemd::StopCommand;

/// How long an answer may take. The first one waits for the start of the service.
const PATIENCE: Duration = Duration::from_secs(10);

/// A `lodgerd stops` of one's own, for one refresh; or none, if there was none to be had, or it has gone: then each container is left
/// to its own command.
#[derive(Debug, Default)]
pub struct Stops {
    socket: PathBuf,
    stream: Option<BufReader<UnixStream>>,
    /// What has been announced, and is to be ended by somebody.
    announced: HashMap<String, StopCommand>,
}

impl Stops {
    /// The one that systemd starts when somebody connects to `socket`.
    pub fn connect(socket: &Path) -> Self {
        let stream = connect(socket).inspect_err(|cause| {
            tracing::warn!("each container is stopped by a process of its own: {cause:#}");
        });
        Self {
            socket: socket.to_owned(),
            stream: stream.ok(),
            announced: HashMap::new(),
        }
    }

    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        self.stream.is_some()
    }

    /// Has systemd told that the service `unit` is stopping; whether it may have been.
    pub fn announce(&mut self, unit: &str, stop: &StopCommand) -> bool {
        if !self.is_there() {
            return false;
        }
        let request = Request::Announce {
            unit: unit.to_owned(),
            signal: stop.signal.to_string(),
            limit: stop.limit,
        };
        match self.ask(&request) {
            Some(Answer::Refused(why)) => {
                tracing::debug!("{unit} is left to its own stop command: {why}");
                false
            }
            // It may have gone when it had told systemd, and not yet us.
            Some(Answer::Announced) | None => {
                self.announced.insert(unit.to_owned(), *stop);
                true
            }
        }
    }

    /// Has the main process of `unit`, which has been announced, ended: by another `lodgerd stops` if the one it was announced to has
    /// gone. Nobody else would give it its stop signal, and at its stop timeout it would be killed.
    pub fn end(&mut self, unit: &str) {
        let Some(command) = self.announced.remove(unit) else {
            return;
        };
        if self.say_end(unit).is_some() {
            return;
        }
        let mut other = Self::connect(&self.socket);
        // systemd knows that it is stopping, and takes no notice.
        if !other.announce(unit, &command) || other.say_end(unit).is_none() {
            tracing::error!("{unit}: its stop timeout has to end it");
        }
    }

    /// Leaves `unit`, which has been announced, to somebody else.
    pub fn leave(&mut self, unit: &str) {
        self.announced.remove(unit);
        let unit = unit.to_owned();
        self.say(&Request::Leave { unit });
    }

    fn say_end(&mut self, unit: &str) -> Option<()> {
        let unit = unit.to_owned();
        self.say(&Request::End { unit })
    }

    fn ask(&mut self, request: &Request) -> Option<Answer> {
        self.with_stream(|stream| {
            send(stream, request)?;
            receive(stream)
        })
    }

    fn say(&mut self, request: &Request) -> Option<()> {
        self.with_stream(|stream| send(stream, request))
    }

    /// What has failed once is not tried again here.
    fn with_stream<T>(
        &mut self,
        talk: impl FnOnce(&mut BufReader<UnixStream>) -> Result<T>,
    ) -> Option<T> {
        match talk(self.stream.as_mut()?) {
            Ok(result) => Some(result),
            Err(cause) => {
                tracing::warn!(
                    "each container is stopped by a process of its own from now on: {cause:#}"
                );
                self.stream = None;
                None
            }
        }
    }
}

fn connect(socket: &Path) -> Result<BufReader<UnixStream>> {
    let connect = || {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        std::io::Result::Ok(stream)
    };
    connect()
        .map(BufReader::new)
        .with_context(|| format!("cannot connect to '{}'", socket.display()))
}

fn send(stream: &mut BufReader<UnixStream>, request: &Request) -> Result<()> {
    say(stream.get_mut(), request).context("cannot ask lodgerd-stops")
}

fn receive(stream: &mut BufReader<UnixStream>) -> Result<Answer> {
    let answer = hear(stream).context("lodgerd-stops does not answer")?;
    answer.context("lodgerd-stops has ended")
}
