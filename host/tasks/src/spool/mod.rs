//! Results that are not recorded yet, on the disk.
