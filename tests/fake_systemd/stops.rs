//! A `lodgerd stops` that exists only in this process: what it is asked in, what systemd would make of that out.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;

use super::Shared;

/// Answers whoever connects to `socket`. A unit whose name has "deaf" in it is refused; systemd takes no notice of one with "mute" in it;
/// after the first announcement of one with "last" in it there is nobody any more, until somebody connects again.
pub fn serve_stops(socket: &Path, shared: &Shared) {
    fs::create_dir_all(socket.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(socket).unwrap();
    let shared = shared.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap(), &shared);
        }
    });
}

fn serve(stream: UnixStream, shared: &Shared) {
    let mut answers = stream.try_clone().unwrap();
    for line in BufReader::new(stream).lines() {
        let request: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let (what, of) = request.as_object().unwrap().iter().next().unwrap();
        let unit = of["unit"].as_str().unwrap();
        let mut state = shared.lock().unwrap();
        let mut told = format!("{what} {unit}");
        let is_again = state.stops.iter().any(|told| told.contains(unit));
        if what == "announce" {
            let (signal, limit) = (&of["signal"], &of["limit"]["secs"]);
            told.push_str(&format!(" {} {limit}", signal.as_str().unwrap()));
            let answer = match unit.contains("deaf") {
                true => r#"{"refused":"it is deaf"}"#,
                false => r#""announced""#,
            };
            if !unit.contains("deaf") && !unit.contains("mute") && !is_again {
                let fake = state.units.get_mut(unit).unwrap();
                fake.active = "deactivating";
                if fake.is_stopped {
                    let job = "/org/freedesktop/systemd1/job/stop";
                    fake.stop_job = Some(job.into());
                    state.jobs.insert(job.into(), true);
                }
            }
            writeln!(answers, "{answer}").unwrap();
        }
        if what == "end"
            && let Some(job) = state.units.get_mut(unit).unwrap().stop_job.take()
        {
            state.units.get_mut(unit).unwrap().active = "inactive";
            state.jobs.insert(job, false);
        }
        state.stops.push(told);
        if unit.contains("last") && !is_again {
            return;
        }
    }
}
