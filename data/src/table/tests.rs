//! Tables of vectors, whole and broken.
#![allow(clippy::unwrap_used)]
use super::*;

fn fvecs(bytes: Vec<u8>) -> Result<Vec<f32>, String> {
    fvecs_by(2, bytes)
}

fn fvecs_by(most: usize, bytes: Vec<u8>) -> Result<Vec<f32>, String> {
    let length = bytes.len() as u64;
    let input = Input::over("v.fvecs".as_ref(), std::io::Cursor::new(bytes), length).unwrap();
    let mut table = Table::vecs(input, Element::F32).map_err(|e| e.to_string())?;
    let (mut out, mut row) = (Vec::new(), 0);
    while let Some(block) = table.next_block(most).map_err(|e| e.to_string())? {
        assert_eq!(block.first_row, row);
        row += block.rows as u64;
        block.element.append_f32(block.values, &mut out);
    }
    assert_eq!(table.rows(), Some(row));
    Ok(out)
}

fn rows(rows: &[&[f32]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in rows {
        bytes.extend_from_slice(&i32::try_from(row.len()).unwrap().to_le_bytes());
        row.iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes()));
    }
    bytes
}

#[test]
fn fvecs_rows_come_without_their_widths() {
    assert_eq!(fvecs(Vec::new()), Ok(Vec::new()));
    assert_eq!(fvecs(rows(&[&[1.0, 2.0]])), Ok(vec![1.0, 2.0]));
    assert_eq!(fvecs(rows(&[&[1.0, 2.0], &[3.0, 4.0], &[5.0, 6.0]])), Ok(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
}

#[test]
fn broken_fvecs_are_errors_with_the_row() {
    let good = rows(&[&[1.0, 2.0], &[3.0, 4.0], &[5.0, 6.0]]);
    assert_eq!(fvecs(good[..good.len() - 1].to_vec()).unwrap_err(), "v.fvecs, row 2: cut short: expected 12 bytes of values, got 11");
    assert_eq!(fvecs(rows(&[&[1.0, 2.0], &[3.0]])).unwrap_err(), "v.fvecs, row 1: cut short: expected 12 bytes of values, got 8");
    assert_eq!(fvecs(rows(&[&[1.0], &[2.0], &[3.0, 4.0, 5.0]])).unwrap_err(), "v.fvecs, row 2: expected 1 values, as in row 0, got 3");
    assert!(fvecs(vec![1, 0]).unwrap_err().contains("cut short"));
    assert!(fvecs(i32::MAX.to_le_bytes().to_vec()).unwrap_err().contains("vectors of 2147483647 values"));
    assert!(fvecs((-1i32).to_le_bytes().to_vec()).unwrap_err().contains("vectors of -1 values"));
    assert!(fvecs(vec![0; 8]).unwrap_err().contains("vectors of 0 values"));
}

#[test]
fn the_first_broken_row_is_named_however_many_are_read_at_a_time() {
    let bytes = rows(&[&[1.0, 2.0], &[3.0, 4.0, 5.0], &[6.0, 7.0], &[8.0]]);
    for most in 1..6 {
        assert_eq!(fvecs_by(most, bytes.clone()).unwrap_err(), "v.fvecs, row 1: expected 2 values, as in row 0, got 3", "{most}");
    }
}

#[test]
fn a_packed_npy_is_checked_as_it_is_read() {
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 1), }";
    let read = |values: &[u8]| {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend_from_slice(&u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(values);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.npy.zst");
        std::fs::write(&path, zstd::encode_all(&bytes[..], 1).unwrap()).unwrap();
        read_vectors(&path).map_err(|e| e.to_string())
    };
    assert_eq!(read(&[0; 12]).unwrap(), Matrix::from_vec(1, vec![0.0; 3]).unwrap());
    assert!(read(&[0; 11]).unwrap_err().contains("row 2: cut short"));
    assert!(read(&[0; 13]).unwrap_err().contains("1 bytes follow"));
}

#[test]
fn both_orders_of_bytes_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.npy");
    for (descr, values) in [
        ("<i2", [1i16, -2].map(i16::to_le_bytes).concat()),
        (">i2", [1i16, -2].map(i16::to_be_bytes).concat()),
        (">i8", [1i64, -2].map(i64::to_be_bytes).concat()),
        (">f4", [1f32, -2.0].map(f32::to_be_bytes).concat()),
        (">f2", vec![0x3C, 0x00, 0xC0, 0x00]),
        ("|i1", vec![1, 254]),
    ] {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (1, 2), }}");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend_from_slice(&u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend(values);
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(read_vectors(&path).unwrap().as_slice(), [1.0, -2.0], "{descr}");
    }
}

#[test]
fn integers_are_read_whole_and_fractions_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gt.ivecs");
    let mut bytes = Vec::new();
    for row in [[1i32, -2], [3, 4]] {
        bytes.extend_from_slice(&2i32.to_le_bytes());
        row.iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes()));
    }
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(read_integers(&path).unwrap(), IntegerTable { width: 2, values: vec![1, -2, 3, 4] });
    let path = folder.path().join("gt.fvecs");
    std::fs::write(&path, rows(&[&[1.0]])).unwrap();
    assert!(read_integers(&path).is_err());
}
