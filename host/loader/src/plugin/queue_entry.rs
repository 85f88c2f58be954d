//! The entries of lock queues, recognized by the forms of name that a plugin gives them.

/// Whether a name has that form; `session` is what `<session>` stands for.
///
/// What the parts of a form are is said where plugins tell them: [`QUEUE_ENTRY`](registry_abi::QUEUE_ENTRY).
pub(super) fn has_form(name: &str, form: &str, session: &str) -> bool {
    if let Some(rest) = form.strip_prefix("<session>") {
        return name.strip_prefix(session).is_some_and(|name| has_form(name, rest, session));
    }
    if let Some(rest) = form.strip_prefix("<hex>") {
        let name = after(name, |c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
        return name.is_some_and(|name| has_form(name, rest, session));
    }
    if let Some(rest) = form.strip_prefix("<number>") {
        let name = after(name.strip_prefix('-').unwrap_or(name), |c| c.is_ascii_digit());
        return name.is_some_and(|name| has_form(name, rest, session));
    }
    if let Some(rest) = form.strip_prefix('*') {
        return name.char_indices().any(|(at, _)| has_form(&name[at..], rest, session));
    }
    match form.chars().next() {
        Some(literal) => {
            name.strip_prefix(literal).is_some_and(|name| has_form(name, &form[literal.len_utf8()..], session))
        }
        None => name.is_empty(),
    }
}

/// What follows the bytes of a kind that a name begins with; `None` if it begins with another.
fn after(name: &str, is_kind: impl Fn(u8) -> bool) -> Option<&str> {
    let end = name.bytes().position(|c| !is_kind(c)).unwrap_or(name.len());
    (end > 0).then(|| &name[end..])
}

#[cfg(test)]
mod tests {
    use super::has_form;

    #[test]
    fn names_are_held_against_each_part_of_a_form() {
        for (form, name, expected) in [
            ("<hex>-<number>", "ab-1", true),
            ("<hex>-<number>", "ab-", false),
            ("<hex>-<number>", "wed-1", false),
            ("<session>", "ab", true),
            ("<session>", "cafe", false),
            ("*-lock-<number>", "_c_0b8f-lock-0000000001", true),
            ("*-lock-<number>", "_c_0b8f-lock--2147483648", true),
            ("*-lock-<number>", "ü-lock-1-lock-7", true),
            ("*-lock-<number>", "wed-lock-", false),
            ("*-lock-<number>", "a-lock-b", false),
            ("*-lock-<number>", "10.0.0.7:1234", false),
            ("<later>", "a", false),
        ] {
            assert_eq!(has_form(name, form, "ab"), expected, "{name} {form}");
        }
    }
}
