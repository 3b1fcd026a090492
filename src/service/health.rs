//! A container whose health is checked in; the timer that has it checked out.

use super::{header, time_span};
use crate::container::Container;
use crate::unit::{Unit, escape};

/// The timer of `container`, if it has something to check. It lives as long as the service: that wants it, and takes it along.
///
/// The service that it starts is `units/lodgerd-health@.service`.
pub fn timer(container: &Container) -> Option<Unit> {
    let health = container.health.as_ref()?;
    let service = container.name.service();
    let source = escape::path_text(&container.source);
    let mut unit = Unit::new(container.name.health_timer(), &header(&source));
    let description = format!("Health of {}", container.description);
    unit.add("Unit", "Description", escape::text(&description));
    unit.add("Unit", "Documentation", "man:lodger.toml(5)");
    unit.add("Unit", "SourcePath", escape::text(&source));
    unit.add("Unit", "BindsTo", escape::verbatim(service.as_str()));
    unit.add("Unit", "After", escape::verbatim(service.as_str()));
    let interval = time_span(health.interval);
    for key in ["OnActiveSec", "OnUnitInactiveSec"] {
        unit.add("Timer", key, escape::verbatim(interval.as_str()));
    }
    // By default systemd would gather what is due within a minute.
    unit.add("Timer", "AccuracySec", "100ms");
    Some(unit)
}
