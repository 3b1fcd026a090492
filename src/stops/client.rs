//! lodgerd's end of the conversation.

use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::path::Path;
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
    stream: Option<BufReader<UnixStream>>,
}

impl Stops {
    /// The one that systemd starts when somebody connects to `socket`.
    pub fn connect(socket: &Path) -> Self {
        match connect(socket) {
            Ok(stream) => Self {
                stream: Some(BufReader::new(stream)),
            },
            Err(cause) => {
                tracing::warn!("each container is stopped by a process of its own: {cause:#}");
                Self::default()
            }
        }
    }

    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        self.stream.is_some()
    }

    /// Has systemd told that the service `unit` is stopping; whether it has been.
    pub fn announce(&mut self, unit: &str, stop: &StopCommand) -> bool {
        let request = Request::Announce {
            unit: unit.to_owned(),
            signal: stop.signal.to_string(),
            limit: stop.limit,
        };
        match self.ask(&request) {
            Some(Answer::Announced) => true,
            Some(Answer::Refused(why)) => {
                tracing::debug!("{unit} is left to its own stop command: {why}");
                false
            }
            None => false,
        }
    }

    /// Has the main process of `unit`, which has been announced, ended.
    pub fn end(&mut self, unit: &str) {
        let unit = unit.to_owned();
        self.say(&Request::End { unit });
    }

    /// Leaves `unit`, which has been announced, to somebody else.
    pub fn leave(&mut self, unit: &str) {
        let unit = unit.to_owned();
        self.say(&Request::Leave { unit });
    }

    fn ask(&mut self, request: &Request) -> Option<Answer> {
        self.with_stream(|stream| {
            send(stream, request)?;
            receive(stream)
        })
    }

    fn say(&mut self, request: &Request) {
        self.with_stream(|stream| send(stream, request));
    }

    /// What has failed once is not tried again.
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

fn connect(socket: &Path) -> Result<UnixStream> {
    let connect = || {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        std::io::Result::Ok(stream)
    };
    connect().with_context(|| format!("cannot connect to '{}'", socket.display()))
}

fn send(stream: &mut BufReader<UnixStream>, request: &Request) -> Result<()> {
    say(stream.get_mut(), request).context("cannot ask lodgerd-stops")
}

fn receive(stream: &mut BufReader<UnixStream>) -> Result<Answer> {
    let answer = hear(stream).context("lodgerd-stops does not answer")?;
    answer.context("lodgerd-stops has ended")
}
