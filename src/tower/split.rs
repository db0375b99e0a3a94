//! Parts a model file from its largest weights, so that decoding does not copy them.

use std::ops::Range;

/// Bytes of weights from which on they are left in the file.
pub(super) const LARGE: usize = 1 << 20;

/// The fields of onnx.proto that lead to weights.
const GRAPH: u64 = 7;
const INITIALIZER: u64 = 5;
const RAW_DATA: u64 = 9;

/// A model file without its largest weights.
pub(super) struct Split {
    pub(super) file: Vec<u8>,
    /// Of which initializer the weights are, by place, and where they are in the file that was split.
    pub(super) weights: Vec<(usize, Range<usize>)>,
}

/// One field of a message, by its places in the file.
struct Field {
    number: u64,
    /// Where its key begins.
    start: usize,
    /// Its content, where it has a length of its own.
    content: Option<Range<usize>>,
    end: usize,
}

/// Splits a file; `None` where there is nothing large in it, or it is of an unusual form.
pub(super) fn split(file: &[u8]) -> Option<Split> {
    let mut split = Split { file: Vec::new(), weights: Vec::new() };
    let fields = fields(file, 0..file.len())?;
    // Of several graphs protobuf makes one.
    if fields.iter().filter(|field| field.number == GRAPH).count() != 1 {
        return None;
    }
    let model = rebuilt(file, &fields, GRAPH, &mut |range| graph(file, range, &mut split.weights))?;
    split.file = model;
    (!split.weights.is_empty()).then_some(split)
}

fn graph(file: &[u8], range: Range<usize>, weights: &mut Vec<(usize, Range<usize>)>) -> Option<Option<Vec<u8>>> {
    let fields = fields(file, range)?;
    let mut at = 0;
    let mut initializer = |range: Range<usize>| {
        at += 1;
        if range.len() < LARGE {
            return Some(None);
        }
        let fields = self::fields(file, range)?;
        let mut data = fields.iter().filter(|field| field.number == RAW_DATA).filter_map(|field| field.content.clone());
        match (data.next(), data.next()) {
            (Some(data), None) if data.len() >= LARGE => {
                weights.push((at - 1, data));
                rebuilt(file, &fields, RAW_DATA, &mut |_| Some(Some(Vec::new()))).map(Some)
            }
            _ => Some(None),
        }
    };
    rebuilt(file, &fields, INITIALIZER, &mut initializer).map(Some)
}

/// A message with other content in its fields of one number; they stay as they are where there is none.
fn rebuilt(file: &[u8], fields: &[Field], number: u64, other: &mut dyn FnMut(Range<usize>) -> Option<Option<Vec<u8>>>) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    for field in fields {
        let content = field.content.clone().filter(|_| field.number == number);
        match content.map(&mut *other) {
            Some(content) => match content? {
                Some(content) => {
                    prost::encoding::encode_key(u32::try_from(number).ok()?, prost::encoding::WireType::LengthDelimited, &mut message);
                    prost::encoding::encode_varint(content.len() as u64, &mut message);
                    message.extend(content);
                }
                None => message.extend_from_slice(file.get(field.start..field.end)?),
            },
            None => message.extend_from_slice(file.get(field.start..field.end)?),
        }
    }
    Some(message)
}

fn fields(file: &[u8], range: Range<usize>) -> Option<Vec<Field>> {
    let mut rest = file.get(range.clone())?;
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let start = range.end - rest.len();
        let key = prost::encoding::decode_varint(&mut rest).ok()?;
        let length = match key & 7 {
            0 => {
                prost::encoding::decode_varint(&mut rest).ok()?;
                0
            }
            1 => 8,
            5 => 4,
            2 => usize::try_from(prost::encoding::decode_varint(&mut rest).ok()?).ok()?,
            _ => return None,
        };
        let at = range.end - rest.len();
        rest = rest.get(length..)?;
        fields.push(Field { number: key >> 3, start, content: (key & 7 == 2).then(|| at..at + length), end: at + length });
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use prost::Message;
    use tract_onnx::pb;

    use super::*;

    fn model(sizes: &[usize]) -> pb::ModelProto {
        let weights = |(at, &size): (usize, &usize)| pb::TensorProto {
            name: format!("w{at}"),
            dims: vec![size as i64],
            raw_data: vec![at as u8 + 1; size],
            ..Default::default()
        };
        let initializer = sizes.iter().enumerate().map(weights).collect();
        let node = vec![pb::NodeProto { op_type: "Gather".to_owned(), input: vec!["w1".to_owned()], ..Default::default() }];
        let graph = pb::GraphProto { name: "g".to_owned(), node, initializer, ..Default::default() };
        pb::ModelProto { ir_version: 9, producer_name: "p".to_owned(), graph: Some(graph), ..Default::default() }
    }

    #[test]
    fn what_is_split_and_put_together_is_the_file() {
        for sizes in [&[5, LARGE, 3, LARGE + 7, 0][..], &[LARGE], &[2 * LARGE, 2 * LARGE]] {
            let whole = model(sizes);
            let bytes = whole.encode_to_vec();
            let Split { file, weights } = split(&bytes).unwrap();
            assert!(file.len() < 1000 && weights.len() == sizes.iter().filter(|&&size| size >= LARGE).count());
            let mut again = pb::ModelProto::decode(file.as_slice()).unwrap();
            for (at, range) in weights {
                again.graph.as_mut().unwrap().initializer[at].raw_data = bytes[range].to_vec();
            }
            assert_eq!(again, whole);
        }
    }

    #[test]
    fn small_and_odd_files_are_left_whole() {
        assert!(split(&model(&[5, LARGE - 1]).encode_to_vec()).is_none());
        let bytes = model(&[LARGE]).encode_to_vec();
        // Two graphs, and a file that ends early.
        assert!(split(&[bytes.clone(), bytes.clone()].concat()).is_none());
        assert!(split(&bytes[..bytes.len() - 1]).is_none());
        assert!(split(&[]).is_none());
    }
}
