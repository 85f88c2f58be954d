//! The escapes of URLs: a whole one as a key's segment, and single values inside one.
//!
//! Dubbo escapes the whole URL once, as a form's value: a blank is `+`, other bytes are `%` and two digits in upper
//! case. Go leaves `~` as it is and escapes `*`, Java the other way round. Here both are escaped, and all of it is
//! read.
//!
//! Dubbo escapes no value inside the URL. A value with `&` in it falls apart when it is read, and one with `%` or `;`
//! has Go refuse the whole URL. So such characters are escaped here before the whole is. Go reads that as it was meant,
//! Java reads the escape itself.

use std::{borrow::Cow, fmt::Write as _};

/// Escapes a text as a segment of a key.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 2);
    for byte in text.bytes() {
        match byte {
            b' ' => escaped.push('+'),
            b'-' | b'_' | b'.' => escaped.push(byte.into()),
            byte if byte.is_ascii_alphanumeric() => escaped.push(byte.into()),
            byte => push_escape(&mut escaped, byte),
        }
    }
    escaped
}

/// What was escaped; `None` if it is no escaped text.
pub(crate) fn unescape(escaped: &str) -> Option<String> {
    let blanks = escaped.replace('+', " ");
    decode(&blanks).map(Cow::into_owned)
}

/// Escapes what would not be read again in a name or value of a parameter.
pub(super) fn escape_value(value: &str) -> Cow<'_, str> {
    let is_special = |byte: u8| byte.is_ascii_control() || b"&=%#+;".contains(&byte);
    if !value.bytes().any(is_special) {
        return Cow::Borrowed(value);
    }
    let mut escaped = String::with_capacity(value.len() + 8);
    for character in value.chars() {
        match u8::try_from(character) {
            Ok(byte) if is_special(byte) => push_escape(&mut escaped, byte),
            _ => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// The value as it was meant: one that is not an escape in all its parts is as it stands, as Java writes it.
pub(super) fn unescape_value(value: &str) -> Cow<'_, str> {
    decode(value).unwrap_or(Cow::Borrowed(value))
}

fn push_escape(text: &mut String, byte: u8) {
    // Writing to a string can't fail.
    let _ = write!(text, "%{byte:02X}");
}

/// `None` if a `%` has no two digits after it, or the bytes are no UTF-8.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}
