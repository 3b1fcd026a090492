//! A plan in; the JSON that scripts and the bus get of it out. It is that on disk but for the numbers of bases, which are numbers.

use serde::{Serialize, Serializer};

use super::{Hindrance, Plan, Wave};
use crate::base::number_text;
use crate::refresh::reason::Reason;

#[derive(Serialize)]
struct ToldPlan<'a> {
    waves: &'a [Wave],
    left: Vec<ToldLeft<'a>>,
}

#[derive(Serialize)]
struct ToldLeft<'a> {
    name: &'a str,
    reasons: &'a [Reason],
    hindrance: ToldHindrance<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ToldHindrance<'a> {
    Base(HeldOnBase<'a>),
    Other(&'a Hindrance),
}

#[derive(Serialize)]
#[serde(tag = "kind", rename = "base")]
struct HeldOnBase<'a> {
    #[serde(serialize_with = "number_text::serialize")]
    base: &'a str,
}

impl<'a> ToldHindrance<'a> {
    fn of(hindrance: &'a Hindrance) -> Self {
        match hindrance {
            Hindrance::Base { base } => Self::Base(HeldOnBase { base }),
            other => Self::Other(other),
        }
    }
}

/// Writes a plan; for `#[serde(serialize_with)]`.
///
/// # Errors
/// Those of the serializer.
pub fn plan<S: Serializer>(plan: &Plan, serializer: S) -> Result<S::Ok, S::Error> {
    let left = plan.left.iter().map(|left| ToldLeft {
        name: &left.name,
        reasons: &left.reasons,
        hindrance: ToldHindrance::of(&left.hindrance),
    });
    let told = ToldPlan {
        waves: &plan.waves,
        left: left.collect(),
    };
    told.serialize(serializer)
}

/// Writes a hindrance, or null; for `#[serde(serialize_with)]`.
///
/// # Errors
/// Those of the serializer.
pub fn hindrance<S: Serializer>(
    hindrance: &Option<Hindrance>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    hindrance
        .as_ref()
        .map(ToldHindrance::of)
        .serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::super::Left;
    use super::*;
    use crate::refresh::present::Present;
    use serde_json::json;

    #[test]
    fn a_base_is_a_number_for_scripts_and_text_on_disk() {
        let held = Plan {
            waves: Vec::new(),
            left: vec![Left {
                name: "web".into(),
                reasons: Vec::new(),
                hindrance: Hindrance::Base { base: "3".into() },
            }],
        };
        let left = |base| json!([{ "name": "web", "reasons": [], "hindrance": { "kind": "base", "base": base } }]);
        let on_disk = serde_json::to_value(&held).unwrap();
        assert_eq!(on_disk["left"], left(json!("3")));
        let present = Present {
            plan: held.clone(),
            ..Present::default()
        };
        let told = serde_json::to_value(&present).unwrap();
        assert_eq!(told["left"], left(json!(3)));
        assert_eq!(serde_json::from_value::<Plan>(on_disk).unwrap(), held);
        assert_eq!(serde_json::from_value::<Present>(told).unwrap(), present);
    }
}
