//! Who has just started gets less.

/// How many times as long as it has been up something is young; 1 from then on.
pub fn coldness(uptime: f64, warm_up: f64) -> f64 {
    if uptime > 0.0 && uptime < warm_up { warm_up / uptime } else { 1.0 }
}

/// The part of a weight that counts while it is young; at least 1, so that it is chosen at all.
pub fn warm(weight: f64, coldness: f64) -> f64 {
    (weight / coldness).max(1.0)
}
