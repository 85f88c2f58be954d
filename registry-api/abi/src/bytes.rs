//! Values: owned buffers that cross without being copied.

use abi_stable::StableAbi;
use bytes::Bytes;

/// A [`Bytes`] of one side, readable and droppable on the other.
///
/// The `Bytes` itself travels inside, as memory that only its own side looks into: nothing is copied and nothing
/// allocated.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawBytes {
    start: *const u8,
    length: usize,
    owner: Owner,
    drop_owner: unsafe extern "C" fn(&mut Owner),
}

/// Room for a `Bytes`, which is four words.
type Owner = [*mut (); 4];

const _: () = assert!(size_of::<Bytes>() <= size_of::<Owner>() && align_of::<Bytes>() <= align_of::<Owner>());

// SAFETY: it owns a `Bytes`, which is `Send` and `Sync`, and hands out only shared access to its unchanging content.
unsafe impl Send for RawBytes {}
// SAFETY: as above.
unsafe impl Sync for RawBytes {}

impl RawBytes {
    /// Readies a value for crossing.
    pub fn new(value: Bytes) -> Self {
        // A `Bytes` never moves its content, so that the pointer stays good wherever the value goes.
        let (start, length) = (value.as_ptr(), value.len());
        let mut owner: Owner = [std::ptr::null_mut(); 4];
        // SAFETY: `owner` has room for a `Bytes` and its alignment, as is asserted above.
        unsafe { owner.as_mut_ptr().cast::<Bytes>().write(value) };
        RawBytes { start, length, owner, drop_owner: drop_bytes }
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
        // SAFETY: `owner` holds what `drop_owner` was made for, and is dropped here alone.
        unsafe { (self.drop_owner)(&mut self.owner) }
    }
}

unsafe extern "C" fn drop_bytes(owner: &mut Owner) {
    // SAFETY: `RawBytes::new` wrote a `Bytes` there, which nobody has touched since.
    unsafe { owner.as_mut_ptr().cast::<Bytes>().drop_in_place() };
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
    fn the_buffer_is_freed_with_its_last_part() {
        let crossed = RawBytes::new(Bytes::from(b"hello world".to_vec())).into_bytes();
        let part = crossed.slice(6..);
        drop(crossed);
        assert_eq!(part, "world");
    }
}
