//! The number types of vector files, as little-endian bytes; those of big-endian files are turned around before.

use half::f16;

/// Type of one stored value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Element {
    F16,
    F32,
    F64,
    U8,
    I8,
    I16,
    U16,
    I32,
    I64,
    U32,
    U64,
}

impl Element {
    /// Bytes a value.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::F16 | Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    /// Appends the values of `bytes` to `out` as f32, rounded once where f32 is narrower. Bytes that make no whole value are left out.
    pub(crate) fn append_f32(self, bytes: &[u8], out: &mut Vec<f32>) {
        match self {
            Self::F16 => out.extend(bytes.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f32())),
            Self::F32 => out.extend(bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b))),
            Self::F64 => out.extend(bytes.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b) as f32)),
            Self::U8 => out.extend(bytes.iter().map(|&b| f32::from(b))),
            Self::I8 => out.extend(bytes.iter().map(|&b| f32::from(b as i8))),
            Self::I16 => out.extend(bytes.as_chunks().0.iter().map(|&b| f32::from(i16::from_le_bytes(b)))),
            Self::U16 => out.extend(bytes.as_chunks().0.iter().map(|&b| f32::from(u16::from_le_bytes(b)))),
            Self::U64 => out.extend(bytes.as_chunks().0.iter().map(|&b| u64::from_le_bytes(b) as f32)),
            Self::I32 => out.extend(bytes.as_chunks().0.iter().map(|&b| i32::from_le_bytes(b) as f32)),
            Self::I64 => out.extend(bytes.as_chunks().0.iter().map(|&b| i64::from_le_bytes(b) as f32)),
            Self::U32 => out.extend(bytes.as_chunks().0.iter().map(|&b| u32::from_le_bytes(b) as f32)),
        }
    }

    /// Appends the values of `bytes` to `out` where the type is one of integers; false, and nothing appended, for fractions.
    pub(crate) fn append_i64(self, bytes: &[u8], out: &mut Vec<i64>) -> bool {
        match self {
            Self::F16 | Self::F32 | Self::F64 => return false,
            Self::U8 => out.extend(bytes.iter().map(|&b| i64::from(b))),
            Self::I8 => out.extend(bytes.iter().map(|&b| i64::from(b as i8))),
            Self::I16 => out.extend(bytes.as_chunks().0.iter().map(|&b| i64::from(i16::from_le_bytes(b)))),
            Self::U16 => out.extend(bytes.as_chunks().0.iter().map(|&b| i64::from(u16::from_le_bytes(b)))),
            // What is beyond i64 is no row number, whatever it is taken for.
            Self::U64 => out.extend(bytes.as_chunks().0.iter().map(|&b| i64::try_from(u64::from_le_bytes(b)).unwrap_or(i64::MAX))),
            Self::I32 => out.extend(bytes.as_chunks().0.iter().map(|&b| i64::from(i32::from_le_bytes(b)))),
            Self::I64 => out.extend(bytes.as_chunks().0.iter().map(|&b| i64::from_le_bytes(b))),
            Self::U32 => out.extend(bytes.as_chunks().0.iter().map(|&b| i64::from(u32::from_le_bytes(b)))),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f32s(element: Element, bytes: &[u8]) -> Vec<f32> {
        let mut out = Vec::new();
        element.append_f32(bytes, &mut out);
        out
    }

    #[test]
    fn values_of_every_type() {
        assert_eq!(f32s(Element::F16, &[0x00, 0x3C, 0x00, 0xC0]), [1.0, -2.0]);
        assert_eq!(f32s(Element::F32, &1.5f32.to_le_bytes()), [1.5]);
        assert_eq!(f32s(Element::F64, &0.1f64.to_le_bytes()), [0.1f32]);
        assert_eq!(f32s(Element::U8, &[0, 255]), [0.0, 255.0]);
        assert_eq!(f32s(Element::I8, &[255]), [-1.0]);
        assert_eq!(f32s(Element::I16, &(-300i16).to_le_bytes()), [-300.0]);
        assert_eq!(f32s(Element::U16, &[255; 2]), [65535.0]);
        assert_eq!(f32s(Element::U64, &3u64.to_le_bytes()), [3.0]);
        assert_eq!(f32s(Element::I32, &(-7i32).to_le_bytes()), [-7.0]);
        let mut whole = Vec::new();
        assert!(Element::I32.append_i64(&(-7i32).to_le_bytes(), &mut whole) && Element::U32.append_i64(&[255; 4], &mut whole));
        assert!(!Element::F32.append_i64(&[0; 4], &mut whole));
        assert_eq!(whole, [-7, i64::from(u32::MAX)]);
        assert!(f32s(Element::F32, &[1, 2, 3]).is_empty());
    }
}
