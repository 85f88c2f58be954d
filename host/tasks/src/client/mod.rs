//! What a client does: it submits, asks, waits and reads output.
