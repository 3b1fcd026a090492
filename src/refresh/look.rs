//! The running containers and what changed on the host in; those that are affected, with the reasons, out.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::affected::{Judge, owners_of};
use super::change::HostChange;
use super::moment::Moment;
use super::pending::Due;
use super::reason::{Reason, bounded};
use super::{Offer, Refresh};
use crate::base::record::DPKG;
use crate::base::{self, Bases, Number};
use crate::container::Update;
use crate::dpkg::relations::Relations;
use crate::dpkg::security::security_updates;
use crate::root::lower;
use crate::stale::{Evidence, look_at_each};
use crate::systemd::ServiceState;
use crate::why::program_of;

/// What is different on the host, as far as that is known.
pub(super) enum Changed {
    /// This.
    Known {
        change: HostChange,
        /// dpkg's lists from before.
        old_lists: Option<PathBuf>,
    },
    /// Nothing is known of what was before.
    Unknown,
}

/// A running container, and what its processes show.
struct Looked {
    service: ServiceState,
    update: Update,
    program: Option<PathBuf>,
    evidence: Evidence,
}

impl Refresh<'_> {
    /// What changed from the base that was current at the baseline to the present one; by dpkg's lists alone where one of them
    /// is missing.
    pub(super) fn changed(
        &self,
        from: Option<&str>,
        to: Option<&str>,
        offer: Offer,
    ) -> Result<Changed> {
        let bases = Bases::at(self.places.bases.clone());
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<Number>().ok());
        let from = number(from).filter(|from| bases.tree(*from).is_dir());
        let old_lists = from.map(|from| bases.record_directory(from).join(DPKG));
        let mut differing = None;
        // Without a new base there is nothing that has the change in it.
        let to = number(to).filter(|_| offer == Offer::Everything);
        if let (Some(from), Some(to)) = (from, to) {
            // Both are kept while they are looked at.
            let _kept = bases.hold()?;
            match base::diff(&bases, from, to) {
                Ok(difference) => {
                    let paths = difference.paths.into_iter();
                    differing = Some(paths.map(|change| change.path).collect());
                }
                Err(cause) => {
                    tracing::warn!("every file of a changed package counts as changed: {cause:#}");
                }
            }
        }
        let lists: Vec<&Path> = old_lists
            .iter()
            .map(PathBuf::as_path)
            .chain([self.places.admindir.as_path()])
            .collect();
        let change = HostChange::of(self.report.packages.clone(), &lists, differing)?;
        Ok(Changed::Known { change, old_lists })
    }

    /// Looks at every running container, and adds those that are affected to the pending set. The change is complete `since` then, on
    /// the live host `live_since`.
    pub(super) fn look(
        &mut self,
        changed: &Changed,
        since: &Moment,
        live_since: &Moment,
        offer: Offer,
    ) -> Result<()> {
        let looked = self.look_at_running(since, live_since, offer)?;
        let affected = self.judged(changed, &looked)?;
        let is_security = self.has_security_updates();
        for (looked, reasons) in looked.iter().zip(affected) {
            if reasons.is_empty() {
                self.report.unaffected += 1;
                continue;
            }
            let due = Due {
                since: since.clone(),
                refresh: self.under_way.number,
                reasons: bounded(reasons),
                base: looked.evidence.base.clone(),
                failed: None,
                is_security,
            };
            self.pending.add(looked.service.name.as_str(), due);
        }
        Ok(())
    }

    /// Whether windows are not to be waited for, because a security update is among the changes. All of them are one state of the
    /// host, so it counts for all.
    fn has_security_updates(&self) -> bool {
        if !self.settings.security_ignores_windows {
            return false;
        }
        match security_updates(&self.places.lists, &self.report.packages) {
            Ok(found) => !found.is_empty(),
            Err(cause) => {
                tracing::warn!("security updates cannot be told from others: {cause:#}");
                false
            }
        }
    }

    /// The running containers that may be on old code: not those on the current base, nor those that started after the change.
    fn look_at_running(
        &mut self,
        since: &Moment,
        live_since: &Moment,
        offer: Offer,
    ) -> Result<Vec<Looked>> {
        let current = self.places.current_base();
        let running = self.evidence(offer)?;
        // Those on a base tell by it whether they are new; of each other one PID 1 has to be asked.
        let on_host = running.iter().filter(|(_, found)| found.base.is_none());
        let on_host: Vec<&ServiceState> = on_host.map(|(service, _)| service).collect();
        let mut starts = self.systemd.starts_began(&on_host)?.into_iter();
        let mut looked = Vec::new();
        for (service, evidence) in running {
            let is_new = match &evidence.base {
                Some(base) => Some(base) == current.as_ref() && is_clean(&evidence),
                None => {
                    let since = match live_since != since && !self.is_pinned(&service)? {
                        true => live_since,
                        false => since,
                    };
                    since.is_before(&self.boot, starts.next().unwrap_or(0))
                }
            };
            if is_new {
                self.report.unaffected += 1;
                continue;
            }
            let container = self.containers.get(service.name.as_str());
            looked.push(Looked {
                update: container
                    .map(|container| container.update.clone())
                    .unwrap_or_default(),
                program: container.map(program_of),
                service,
                evidence,
            });
        }
        Ok(looked)
    }

    /// Those whose code the refresh has something new for, and what their processes show.
    fn evidence(&mut self, offer: Offer) -> Result<Vec<(ServiceState, Evidence)>> {
        let running = self.running(offer)?;
        let groups = self
            .systemd
            .control_groups(&running.iter().collect::<Vec<_>>())?;
        let with_groups: Vec<_> = running.iter().zip(groups).collect();
        let bases = &self.places.bases;
        let found = look_at_each(bases, &with_groups, |scanner, (service, group)| {
            let evidence = scanner.evidence(&service.name, group);
            match evidence.processes == 0 && evidence.undecided.is_empty() {
                true => Evidence::unknown("it has no process to look at".to_owned()),
                false => evidence,
            }
        })?;
        Ok(running.into_iter().zip(found).collect())
    }

    /// Those whose code the refresh has something new for.
    fn running(&mut self, offer: Offer) -> Result<Vec<ServiceState>> {
        let mut running = Vec::new();
        for service in self.systemd.services()? {
            if service.is_running() && !self.is_next_try_new(&service)? {
                running.push(service);
            }
        }
        if offer == Offer::Everything {
            return Ok(running);
        }
        let mut on_host = Vec::new();
        for service in running {
            if !self.is_pinned(&service)? {
                on_host.push(service);
            }
        }
        Ok(on_host)
    }

    /// Whether it has no code now, and will have the new.
    fn is_next_try_new(&self, service: &ServiceState) -> Result<bool> {
        let held = || lower::held(&self.places.state_of(&service.name));
        Ok(service.waits_for_next_try() && held()?.is_none())
    }

    /// The reasons of each, none if it is not affected.
    fn judged(&self, changed: &Changed, looked: &[Looked]) -> Result<Vec<Vec<Reason>>> {
        let Changed::Known { change, old_lists } = changed else {
            let unknown = Reason::Undecided {
                why: "nothing is known of what was there before".to_owned(),
                package: None,
            };
            return Ok(vec![vec![unknown]; looked.len()]);
        };
        let admindirs: Vec<&Path> = [self.places.admindir.as_path()]
            .into_iter()
            .chain(old_lists.as_deref())
            .collect();
        let relations = Relations::read(&admindirs)?;
        let owners = owners_of(
            looked.iter().map(|looked| &looked.evidence),
            looked.iter().filter_map(|looked| looked.program.as_deref()),
            &admindirs,
        )?;
        let judge = Judge::new(change, &relations, &owners);
        let reasons = looked.iter().map(|looked| {
            judge.reasons(&looked.update, looked.program.as_deref(), &looked.evidence)
        });
        Ok(reasons.collect())
    }
}

/// Whether every process is on what the host has now.
fn is_clean(evidence: &Evidence) -> bool {
    evidence.maps.is_empty() && evidence.opens.is_empty() && evidence.undecided.is_empty()
}
