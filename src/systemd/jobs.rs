//! The end of jobs: systemd's signals in, results out.
//!
//! The signal is subscribed to before any job is queued, and matched by the job's object path: names come again, paths do
//! not (org.freedesktop.systemd1(5)). A signal that is lost, because PID 1 was re-executed or the bus went away, is made up
//! for by asking whether the job still exists.

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::StreamExt;
use zbus::block_on;

use super::{Connect, Job, ManagerProxy, Systemd};

/// How often to ask whether a job still exists while no signal comes.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// The results of jobs as they end.
#[derive(Debug)]
pub struct FinishedJobs {
    receiver: Receiver<(Job, String)>,
    results: HashMap<Job, String>,
    /// When it was last asked whether jobs still exist.
    asked: Instant,
}

impl FinishedJobs {
    /// Subscribes, over a connection of its own.
    pub(super) fn subscribe(connect: Connect) -> Result<Self> {
        let (results, receiver) = mpsc::channel();
        let (subscribed, ready) = mpsc::channel();
        // Signals are received while a thread waits for them, and this one has other things to do.
        thread::Builder::new()
            .name("finished-jobs".into())
            .spawn(move || send_finished_jobs(&connect, &subscribed, &results))
            .context("cannot start a thread")?;
        ready
            .recv()
            .context("the subscription to systemd's jobs ended early")??;
        Ok(FinishedJobs {
            receiver,
            results: HashMap::new(),
            asked: Instant::now(),
        })
    }

    /// Waits until one of `jobs` has ended, and `together` longer for others. What was given with each that ended, and its result
    /// (`done`, `failed`, `canceled` ...), or `None` as the result if it ended unseen. Nothing if none has been seen to end
    /// within `limit`.
    ///
    /// # Errors
    /// When systemd stops answering.
    pub fn wait<T: Copy>(
        &mut self,
        systemd: &mut Systemd,
        jobs: &HashMap<Job, T>,
        limit: Duration,
        together: Duration,
    ) -> Result<Vec<(T, Option<String>)>> {
        let mut end = Instant::now() + limit.min(LOOK_AGAIN);
        let mut ended = self.take(jobs);
        let mut is_last_call = false;
        loop {
            if !ended.is_empty() && !is_last_call {
                end = end.min(Instant::now() + together);
                is_last_call = true;
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.receiver.recv_timeout(left) {
                Ok((job, result)) => match jobs.get(&job) {
                    Some(given) => ended.push((*given, Some(result))),
                    None => {
                        self.results.insert(job, result);
                    }
                },
                Err(RecvTimeoutError::Timeout) => break,
                // The connection broke, and nothing will come any more: from now on, look.
                Err(RecvTimeoutError::Disconnected) => {
                    thread::sleep(left);
                    break;
                }
            }
        }
        if !ended.is_empty() || self.asked.elapsed() < LOOK_AGAIN {
            return Ok(ended);
        }
        self.asked = Instant::now();
        for (job, given) in jobs {
            if !systemd.exists(job)? {
                // The signal may have come while we asked.
                self.results.extend(self.receiver.try_iter());
                ended.push((*given, self.results.remove(job)));
            }
        }
        Ok(ended)
    }

    /// Those of `jobs` that have been seen to end already.
    fn take<T: Copy>(&mut self, jobs: &HashMap<Job, T>) -> Vec<(T, Option<String>)> {
        let ended = jobs.iter().filter_map(|(job, given)| {
            let result = self.results.remove(job)?;
            Some((*given, Some(result)))
        });
        ended.collect()
    }
}

fn send_finished_jobs(
    connect: &Connect,
    subscribed: &mpsc::Sender<Result<()>>,
    results: &mpsc::Sender<(Job, String)>,
) {
    let subscription = connect().and_then(|connection| {
        let signals = block_on(async {
            let manager = ManagerProxy::new(&connection).await?;
            let signals = manager.receive_job_removed().await?;
            manager.subscribe().await?;
            zbus::Result::Ok(signals)
        });
        signals.context("cannot subscribe to systemd's jobs")
    });
    let mut signals = match subscription {
        Ok(signals) => signals,
        Err(cause) => {
            // Nobody waiting for it is no loss.
            let _ = subscribed.send(Err(cause));
            return;
        }
    };
    let _ = subscribed.send(Ok(()));
    while let Some(signal) = block_on(signals.next()) {
        let Ok(arguments) = signal.args() else {
            continue;
        };
        if results
            .send((Job(arguments.job().clone()), arguments.result().clone()))
            .is_err()
        {
            return;
        }
    }
}
