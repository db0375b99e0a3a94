//! A node's attributes by name, each with the default that ONNX gives it.

use tract_onnx::pb;

/// What a node says beside its inputs. An attribute of another kind than asked for is empty; [`super::infer`] has refused it before.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'a>(pub(super) &'a pb::NodeProto);

impl<'a> Attributes<'a> {
    fn find(self, name: &str) -> Option<&'a pb::AttributeProto> {
        self.0.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub(super) fn has(self, name: &str) -> bool {
        self.find(name).is_some()
    }

    pub(super) fn int(self, name: &str, default: i64) -> i64 {
        self.find(name).map_or(default, |attribute| attribute.i)
    }

    pub(super) fn flag(self, name: &str, default: bool) -> bool {
        self.int(name, i64::from(default)) != 0
    }

    pub(super) fn float(self, name: &str, default: f64) -> f64 {
        self.find(name).map_or(default, |attribute| f64::from(attribute.f))
    }

    pub(super) fn ints(self, name: &str) -> Option<&'a [i64]> {
        self.find(name).map(|attribute| attribute.ints.as_slice())
    }

    pub(super) fn floats(self, name: &str) -> &'a [f32] {
        self.find(name).map_or(&[], |attribute| attribute.floats.as_slice())
    }

    pub(super) fn text(self, name: &str, default: &'static str) -> &'a str {
        self.find(name).map_or(default, |attribute| std::str::from_utf8(&attribute.s).unwrap_or_default())
    }

    pub(super) fn texts(self, name: &str) -> impl Iterator<Item = &'a str> {
        let texts = self.find(name).map_or(&[][..], |attribute| attribute.strings.as_slice());
        texts.iter().map(|text| std::str::from_utf8(text).unwrap_or_default())
    }

    pub(super) fn tensor(self, name: &str) -> Option<&'a pb::TensorProto> {
        self.find(name).and_then(|attribute| attribute.t.as_ref())
    }
}
