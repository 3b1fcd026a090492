//! What a command says in; the same out as long as somebody reads it.

use std::io::{self, ErrorKind, Stderr, Write};

/// Writes until the reader has gone, as in `lodger list | head`, and nothing from then on. Who has seen enough makes no difference to
/// what a command does, nor to its exit status.
#[derive(Debug)]
pub struct WhileRead<W> {
    to: W,
    is_read: bool,
}

impl<W: Write> WhileRead<W> {
    /// To `to`, which has a reader.
    pub fn new(to: W) -> Self {
        Self { to, is_read: true }
    }

    /// What `write` returns, or `unread` once there is no reader.
    fn unless_closed<T>(
        &mut self,
        unread: T,
        write: impl FnOnce(&mut W) -> io::Result<T>,
    ) -> io::Result<T> {
        if !self.is_read {
            return Ok(unread);
        }
        match write(&mut self.to) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_read = false;
                Ok(unread)
            }
            written => written,
        }
    }
}

impl<W: Write> Write for WhileRead<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_closed(bytes.len(), |to| to.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_closed((), W::flush)
    }
}

/// Where mistakes and notes go.
pub fn stderr() -> WhileRead<Stderr> {
    WhileRead::new(io::stderr())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `room` bytes, then fails.
    struct Full {
        room: usize,
        with: ErrorKind,
        calls: usize,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.calls += 1;
            if self.room == 0 {
                return Err(self.with.into());
            }
            let taken = bytes.len().min(self.room);
            self.room -= taken;
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn full(with: ErrorKind) -> WhileRead<Full> {
        let room = 3;
        WhileRead::new(Full {
            room,
            with,
            calls: 0,
        })
    }

    #[test]
    fn a_reader_that_has_gone_is_not_written_to_again() {
        let mut out = full(ErrorKind::BrokenPipe);
        out.write_all(b"12345").unwrap();
        out.write_all(b"67").unwrap();
        out.flush().unwrap();
        assert_eq!((out.to.room, out.to.calls), (0, 2));
    }

    #[test]
    fn any_other_failure_is_told() {
        let mut out = full(ErrorKind::StorageFull);
        let error = out.write_all(b"12345").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }
}
