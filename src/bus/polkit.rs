//! The sender of a call and an action in; whether polkit lets it, out.

use std::collections::HashMap;

use zbus::names::UniqueName;
use zbus::{Connection, Variant, fdo, proxy};

/// Asks for a refresh.
pub const REFRESH: &str = "org.lodger1.refresh";
/// Has refreshes leave containers, or restart them again.
pub const HOLD: &str = "org.lodger1.hold";
/// Takes a container back to an older base.
pub const ROLLBACK: &str = "org.lodger1.rollback";

/// `CheckAuthorizationFlags`: somebody may be asked for a password.
const ALLOW_USER_INTERACTION: u32 = 1;

#[proxy(
    interface = "org.freedesktop.PolicyKit1.Authority",
    default_service = "org.freedesktop.PolicyKit1",
    default_path = "/org/freedesktop/PolicyKit1/Authority"
)]
trait Authority {
    fn check_authorization(
        &self,
        subject: &(&str, HashMap<&str, Variant<'_>>),
        action: &str,
        details: &HashMap<&str, &str>,
        flags: u32,
        cancellation: &str,
    ) -> zbus::Result<(bool, bool, HashMap<String, String>)>;
}

/// Asks polkit whether `sender` may do `action`; with `interactive` it may ask somebody for a password, and take its time.
///
/// # Errors
/// When it may not, or there is no polkit to ask.
pub async fn check(
    connection: &Connection,
    sender: &UniqueName<'_>,
    action: &str,
    interactive: bool,
) -> fdo::Result<()> {
    let denied = |why: String| Err(fdo::Error::AccessDenied(why));
    let name = HashMap::from([("name", Variant::from(sender.as_str()))]);
    let flags = if interactive {
        ALLOW_USER_INTERACTION
    } else {
        0
    };
    let asked = match AuthorityProxy::new(connection).await {
        Ok(authority) => {
            let subject = ("system-bus-name", name);
            let details = HashMap::new();
            let check = authority.check_authorization(&subject, action, &details, flags, "");
            check.await
        }
        Err(cause) => Err(cause),
    };
    match asked {
        Ok((true, _, _)) => Ok(()),
        Ok((false, true, _)) if !interactive => {
            Err(fdo::Error::InteractiveAuthorizationRequired(format!(
                "{action} takes an authorization by polkit, and the caller does not wait for one"
            )))
        }
        Ok(_) => denied(format!("polkit does not let the caller do {action}")),
        Err(cause) => denied(format!(
            "without polkit only root may do {action}; polkit does not answer: {cause}"
        )),
    }
}
