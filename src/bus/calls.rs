//! Calls as they begin and end in; whether there is one, and whether one more may begin, out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most calls of others than root at a time. Each may wait for somebody to type a password.
const MOST: usize = 32;

/// The calls there are.
#[derive(Debug, Default)]
pub struct Calls {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    at_work: usize,
    of_others: usize,
    last: Option<Instant>,
}

/// A call at work; it is over when this is dropped.
#[derive(Debug)]
pub struct Call {
    calls: Arc<Calls>,
    is_root: bool,
}

impl Calls {
    /// A call of root, or of somebody else, begins. `None` if there are too many.
    pub fn begin(self: &Arc<Self>, is_root: bool) -> Option<Call> {
        let mut state = self.lock();
        if !is_root && state.of_others >= MOST {
            return None;
        }
        state.at_work += 1;
        state.of_others += usize::from(!is_root);
        state.last = Some(Instant::now());
        Some(Call {
            calls: self.clone(),
            is_root,
        })
    }

    /// Whether there is none, and has been none for as long as `span`.
    pub fn is_idle(&self, span: Duration) -> bool {
        let state = self.lock();
        state.at_work == 0 && state.last.is_none_or(|last| last.elapsed() >= span)
    }

    /// Nothing that holds the lock can panic.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut state = self.calls.lock();
        state.at_work -= 1;
        state.of_others -= usize::from(!self.is_root);
        state.last = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_bounded_and_root_is_not() {
        let calls = Arc::new(Calls::default());
        assert!(calls.is_idle(Duration::from_secs(3600)), "none ever came");
        let others: Vec<_> = (0..MOST).map(|_| calls.begin(false).unwrap()).collect();
        assert!(calls.begin(false).is_none());
        let root = calls.begin(true).unwrap();
        drop(others);
        assert!(!calls.is_idle(Duration::ZERO));
        drop(calls.begin(false).unwrap());
        drop(root);
        assert!(calls.is_idle(Duration::ZERO));
        assert!(!calls.is_idle(Duration::from_secs(3600)));
    }
}
