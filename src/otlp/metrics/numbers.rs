//! Repeated numbers: packed into one field, as encoders write them, or each a field, which readers have to accept.

use crate::otlp::wire::{DecodeError, Field, FieldValue, Fields, take_varint};

/// How numbers stand in a packed field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Width {
    /// Eight bytes each.
    Fixed,
    Varint,
}

/// Checks a field of repeated numbers.
pub(super) fn check_numbers(found: Field<'_>, width: Width) -> Result<(), DecodeError> {
    match (width, found.value) {
        (Width::Fixed, FieldValue::Bytes(packed)) if packed.len() % 8 == 0 => Ok(()),
        (Width::Fixed, FieldValue::Bytes(_)) => Err(DecodeError::Truncated),
        (Width::Fixed, _) => found.fixed64().map(|_| ()),
        (Width::Varint, FieldValue::Bytes(mut packed)) => {
            while !packed.is_empty() {
                take_varint(&mut packed)?;
            }
            Ok(())
        }
        (Width::Varint, _) => found.varint().map(|_| ()),
    }
}

/// Counts of buckets, read in place.
#[derive(Debug, Clone)]
pub struct Counts<'a> {
    fields: Fields<'a>,
    number: u32,
    width: Width,
    /// What is left of the packed field that is being read.
    packed: &'a [u8],
}

impl<'a> Counts<'a> {
    pub(super) const fn new(message: &'a [u8], number: u32, width: Width) -> Self {
        Self { fields: Fields::new(message), number, width, packed: &[] }
    }

    fn next_packed(&mut self) -> Option<u64> {
        match self.width {
            Width::Fixed => {
                let (number, rest) = self.packed.split_first_chunk()?;
                self.packed = rest;
                Some(u64::from_le_bytes(*number))
            }
            Width::Varint => take_varint(&mut self.packed).ok(),
        }
    }
}

impl Iterator for Counts<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        loop {
            if !self.packed.is_empty() {
                return self.next_packed();
            }
            let found = self.fields.next_field().ok()??;
            if found.number != self.number {
                continue;
            }
            match found.value {
                FieldValue::Bytes(packed) => self.packed = packed,
                FieldValue::Fixed64(number) | FieldValue::Varint(number) => return Some(number),
                FieldValue::Fixed32(_) => {}
            }
        }
    }
}

/// Bounds of buckets, read in place.
#[derive(Debug, Clone)]
pub struct Doubles<'a> {
    bits: Counts<'a>,
}

impl<'a> Doubles<'a> {
    pub(super) const fn new(message: &'a [u8], number: u32) -> Self {
        Self { bits: Counts::new(message, number, Width::Fixed) }
    }
}

impl Iterator for Doubles<'_> {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        self.bits.next().map(f64::from_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(message: &[u8], width: Width) -> Result<Vec<u64>, DecodeError> {
        let mut fields = Fields::new(message);
        while let Some(found) = fields.next_field()? {
            check_numbers(found, width)?;
        }
        Ok(Counts::new(message, 2, width).collect())
    }

    #[test]
    fn numbers_are_read_packed_and_not() {
        // Packed, in two fields, with a single one between, and one empty field.
        let message = [0x12, 3, 1, 0x80, 1, 0x10, 7, 0x12, 0, 0x12, 1, 9];
        assert_eq!(counts(&message, Width::Varint), Ok(vec![1, 128, 7, 9]));
        let mut message = vec![0x12, 16];
        message.extend([1u64.to_le_bytes(), 2u64.to_le_bytes()].concat());
        message.push(0x11);
        message.extend(3u64.to_le_bytes());
        assert_eq!(counts(&message, Width::Fixed), Ok(vec![1, 2, 3]));
    }

    #[test]
    fn broken_numbers_are_refused() {
        assert_eq!(counts(&[0x12, 1, 0x80], Width::Varint), Err(DecodeError::Truncated));
        assert_eq!(counts(&[0x12, 7, 1, 2, 3, 4, 5, 6, 7], Width::Fixed), Err(DecodeError::Truncated));
        assert_eq!(counts(&[0x10, 1], Width::Fixed), Err(DecodeError::WireType { field: 2 }));
        assert_eq!(counts(&[0x15, 1, 2, 3, 4], Width::Varint), Err(DecodeError::WireType { field: 2 }));
    }
}
