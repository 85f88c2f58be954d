//! Values: owned buffers that cross without being copied.

use abi_stable::StableAbi;
use bytes::Bytes;

/// A [`Bytes`] of one side, readable and droppable on the other.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawBytes {
    start: *const u8,
    length: usize,
    owner: *mut (),
    drop_owner: unsafe extern "C" fn(*mut ()),
}

// SAFETY: it owns a `Bytes`, which is `Send` and `Sync`, and hands out only shared access to its unchanging content.
unsafe impl Send for RawBytes {}
// SAFETY: as above.
unsafe impl Sync for RawBytes {}

impl RawBytes {
    /// Readies a value for crossing.
    pub fn new(value: Bytes) -> Self {
        if value.is_empty() {
            return RawBytes {
                start: std::ptr::NonNull::dangling().as_ptr(),
                length: 0,
                owner: std::ptr::null_mut(),
                drop_owner: drop_nothing,
            };
        }
        // A `Bytes` never moves its content, so that the pointer stays good while the box lives.
        let (start, length) = (value.as_ptr(), value.len());
        RawBytes { start, length, owner: Box::into_raw(Box::new(value)).cast(), drop_owner: drop_bytes }
    }

    /// Takes a value that has crossed; it goes on owning the other side's buffer.
    pub fn into_bytes(self) -> Bytes {
        if self.length == 0 { Bytes::new() } else { Bytes::from_owner(self) }
    }
}

impl AsRef<[u8]> for RawBytes {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `start` and `length` are those of a slice that `owner` keeps alive and unchanged until drop.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

impl Drop for RawBytes {
    fn drop(&mut self) {
        // SAFETY: `owner` is what `drop_owner` was made for, and is dropped here alone.
        unsafe { (self.drop_owner)(self.owner) }
    }
}

unsafe extern "C" fn drop_nothing(_: *mut ()) {}

unsafe extern "C" fn drop_bytes(owner: *mut ()) {
    // SAFETY: `RawBytes::new` made `owner` from a box of `Bytes`.
    drop(unsafe { Box::from_raw(owner.cast::<Bytes>()) });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_crosses_without_being_copied() {
        let value = Bytes::from(vec![7_u8; 100]);
        let start = value.as_ptr();
        let crossed = RawBytes::new(value).into_bytes();
        assert_eq!(crossed.as_ptr(), start);
        assert_eq!(crossed, vec![7_u8; 100]);
        assert!(RawBytes::new(Bytes::new()).into_bytes().is_empty());
    }

    #[test]
    fn the_buffer_lives_as_long_as_the_last_part_of_it() {
        let crossed = RawBytes::new(Bytes::from(b"hello world".to_vec())).into_bytes();
        let part = crossed.slice(6..);
        drop(crossed);
        assert_eq!(part, "world");
    }
}
