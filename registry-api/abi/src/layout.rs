//! Whether two builds of this crate lay out their types alike, and where they first differ.
//!
//! `abi_stable` prints both layouts whole, some hundred kilobytes; here it is one line.

use std::cmp::Ordering;

use abi_stable::{
    StableAbi,
    abi_stability::abi_checking::{
        AbiInstability, AbiInstabilityErrors, CheckingGlobals, check_layout_compatibility_with_globals,
    },
    type_layout::{TLFieldOrFunction, TypeLayout},
};

use crate::RootRef;

/// A type's path may be long, and its names come from the library.
const MAX_CHARS: usize = 200;

/// Holds a library's root module against ours.
///
/// `age` is how their minor version compares with ours.
///
/// The check is one-sided: what the interface has, the implementation must have as well. The older side is therefore
/// the interface; two of one minor are held against each other both ways, as every append takes a minor of its own.
/// Each check begins with an empty memory, so that no verdict depends on what was loaded before.
pub(crate) fn check(theirs: &'static TypeLayout, age: Ordering) -> Result<(), String> {
    let ours = <RootRef as StableAbi>::LAYOUT;
    if age.is_ge() {
        one_way(ours, theirs).map_err(|errors| first_difference(&errors, true))?;
    }
    if age.is_le() {
        one_way(theirs, ours).map_err(|errors| first_difference(&errors, false))?;
    }
    Ok(())
}

fn one_way(interface: &'static TypeLayout, implementation: &'static TypeLayout) -> Result<(), AbiInstabilityErrors> {
    check_layout_compatibility_with_globals(interface, implementation, &CheckingGlobals::new())
}

fn first_difference(errors: &AbiInstabilityErrors, ours_is_interface: bool) -> String {
    // A change shows in the size of everything around it; the cause is better told.
    let is_cause = |error: &&AbiInstability| !matches!(error, AbiInstability::Size(_) | AbiInstability::Alignment(_));
    let cause = errors.errors.iter().find_map(|at| Some((at, at.errs.iter().find(is_cause)?)));
    let first = || errors.errors.iter().find_map(|at| Some((at, at.errs.first()?)));
    let Some((at, error)) = cause.or_else(first) else {
        return "at an unknown place".to_owned();
    };
    let mut place = "Root".to_owned();
    for step in &at.stack_trace {
        place.push('.');
        place.push_str(match &step.expected {
            TLFieldOrFunction::Field(field) => field.name(),
            TLFieldOrFunction::Function(function) => function.name.as_str(),
        });
    }
    clean(&format!("{place} {}", describe(error, ours_is_interface)))
}

fn describe(error: &AbiInstability, ours_is_interface: bool) -> String {
    let sides = |interface: String, implementation: String| {
        let (ours, theirs) = if ours_is_interface { (interface, implementation) } else { (implementation, interface) };
        format!("is {theirs} there, {ours} here")
    };
    match error {
        AbiInstability::Name(it) => sides(it.expected.name().to_owned(), it.found.name().to_owned()),
        AbiInstability::Package(it) => sides(format!("of package {}", it.expected), format!("of package {}", it.found)),
        AbiInstability::PackageVersion(it) => {
            sides(format!("of version {}", it.expected), format!("of version {}", it.found))
        }
        AbiInstability::Size(it) => sides(format!("{} bytes", it.expected), format!("{} bytes", it.found)),
        AbiInstability::Alignment(it) => {
            sides(format!("aligned to {}", it.expected), format!("aligned to {}", it.found))
        }
        AbiInstability::FieldCountMismatch(it) => {
            sides(format!("{} fields", it.expected), format!("{} fields", it.found))
        }
        AbiInstability::MismatchedPrefixSize(it) => {
            sides(format!("{} first fields", it.expected), format!("{} first fields", it.found))
        }
        AbiInstability::UnexpectedField(it) => {
            sides(format!("field {}", it.expected.name()), format!("field {}", it.found.name()))
        }
        AbiInstability::TooManyVariants(it) => {
            sides(format!("{} variants", it.expected), format!("{} variants", it.found))
        }
        AbiInstability::UnexpectedVariant(it) => {
            sides(format!("variant {}", it.expected), format!("variant {}", it.found))
        }
        AbiInstability::MismatchedPrimitive(it) => {
            sides(format!("{:?}", it.expected), format!("{:?}", it.found)).to_lowercase()
        }
        AbiInstability::ReprAttr(it) => sides(format!("{:?}", it.expected), format!("{:?}", it.found)),
        AbiInstability::TLDataDiscriminant(it) => sides(format!("{:?}", it.expected), format!("{:?}", it.found)),
        AbiInstability::FieldLifetimeMismatch(_) | AbiInstability::FnLifetimeMismatch(_) => {
            "has other lifetimes".to_owned()
        }
        AbiInstability::FnQualifierMismatch(_) => "has other qualifiers".to_owned(),
        _ => "differs".to_owned(),
    }
}

/// The text without control characters, cut to a length that fits a line.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_CHARS).collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        cleaned.push('…');
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RawEntry;

    #[test]
    fn our_own_layout_passes_whatever_the_age() {
        for age in [Ordering::Less, Ordering::Equal, Ordering::Greater] {
            assert_eq!(check(<RootRef as StableAbi>::LAYOUT, age), Ok(()));
        }
    }

    #[test]
    fn the_first_difference_is_one_short_line() {
        for age in [Ordering::Less, Ordering::Equal, Ordering::Greater] {
            let difference = check(<RawEntry as StableAbi>::LAYOUT, age).unwrap_err();
            assert!(difference.contains("Root is RawEntry there, PrefixRef here"), "{difference}");
            assert!(difference.chars().count() <= MAX_CHARS && !difference.contains(['\n', '\0']), "{difference}");
        }
    }
}
