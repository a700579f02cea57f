//! Memory that a host borrows: the host remembers the length, so a block carries no header.

use std::alloc::Layout;
use std::ptr;

/// A block of `len` bytes; null when `len` is zero or no memory is left.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub extern "C" fn alloc(len: usize) -> *mut u8 {
    match Layout::array::<u8>(len) {
        // SAFETY: the layout has a size, which is all that the allocator asks for.
        Ok(layout) if len > 0 => unsafe { std::alloc::alloc(layout) },
        _ => ptr::null_mut(),
    }
}

/// Gives back a block; null is ignored.
///
/// # Safety
/// `block` came from [`alloc`] with the same `len` and was not given back before.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub unsafe extern "C" fn free(block: *mut u8, len: usize) {
    let Ok(layout) = Layout::array::<u8>(len) else { return };
    if !block.is_null() && len > 0 {
        // SAFETY: by the contract above the block was allocated with this very layout.
        unsafe { std::alloc::dealloc(block, layout) }
    }
}

/// The bytes that a host has written. What does not lie in the memory is no bytes.
///
/// The slice is used while one exported call runs: the host does not write then, and nothing else of the module lies in
/// a block that [`alloc`] gave away.
pub fn slice<'a>(start: *const u8, len: usize) -> &'a [u8] {
    if start.is_null() || start.addr().checked_add(len).is_none_or(|end| end > memory_size()) {
        return &[];
    }
    // SAFETY: the range lies in the memory (natively: the caller vouches for it) and is not written to meanwhile.
    unsafe { std::slice::from_raw_parts(start, len) }
}

#[cfg(target_arch = "wasm32")]
fn memory_size() -> usize {
    core::arch::wasm32::memory_size::<0>().saturating_mul(1 << 16)
}

/// Natively the exported functions are called by tests only.
#[cfg(not(target_arch = "wasm32"))]
fn memory_size() -> usize {
    isize::MAX.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_what_is_written() {
        let block = alloc(3);
        assert!(!block.is_null());
        // SAFETY: the block has three bytes and is given back once.
        unsafe {
            ptr::copy_nonoverlapping([1_u8, 2, 3].as_ptr(), block, 3);
            assert_eq!(std::slice::from_raw_parts(block, 3), [1, 2, 3]);
            free(block, 3);
        }
    }

    #[test]
    fn lengths_that_no_memory_has_give_null() {
        for len in [0, usize::MAX] {
            assert!(alloc(len).is_null());
            // SAFETY: null is ignored.
            unsafe { free(ptr::null_mut(), len) }
        }
    }
}
