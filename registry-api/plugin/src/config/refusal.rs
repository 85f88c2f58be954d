//! Refusals of what a backend has read but can't use, each in the words of the ones before it was read.

use std::fmt;

use registry_api::{Error, ErrorKind, Result};

use crate::Context;

/// A key that is refused, by its full path; `what` says what is wrong with it and what is accepted.
pub fn invalid(context: &Context, name: &str, what: impl fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidConfig, format!("{} {what}", context.config_key(name)))
}

/// Two keys that are set together or not at all, each with its name; `None` where neither is set.
///
/// # Errors
///
/// `InvalidConfig`, naming the one that is missing.
pub fn both<A, B>(context: &Context, first: (&str, Option<A>), second: (&str, Option<B>)) -> Result<Option<(A, B)>> {
    match (first.1, second.1) {
        (Some(one), Some(other)) => Ok(Some((one, other))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(half(context, first.0, second.0)),
        (None, Some(_)) => Err(half(context, second.0, first.0)),
    }
}

/// One of two keys is set without the other.
fn half(context: &Context, set: &str, missing: &str) -> Error {
    invalid(context, missing, format_args!("is not set but {} is; set both or none", context.config_key(set)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, config::tests::context};

    #[tokio::test]
    async fn half_of_a_pair_names_the_missing_key() {
        let context = context(Options::new("registry.test"));
        assert_eq!(both(&context, ("user", Some(1)), ("password", Some(2))).expect("both"), Some((1, 2)));
        assert_eq!(both::<u8, u8>(&context, ("user", None), ("password", None)).expect("neither"), None);
        for (user, password, missing, set) in [(Some(1), None, "password", "user"), (None, Some(2), "user", "password")]
        {
            let refused = both(&context, ("user", user), ("password", password)).expect_err("half");
            let wanted = format!("registry.test.{missing} is not set but registry.test.{set} is; set both or none");
            assert_eq!((refused.kind(), refused.message()), (ErrorKind::InvalidConfig, &*wanted));
        }
    }
}
