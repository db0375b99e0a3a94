//! What was picked before: queries ask for the same few recall targets again and again.

use std::sync::OnceLock;

/// The first few answers, by the target and a number. Each keeps its place for good, so that no query waits for another one.
#[derive(Clone, Debug)]
pub(super) struct Picked<S, const N: usize = PLACES>([OnceLock<(Asked, S)>; N]);

/// Recall target and what is asked for.
type Asked = (f32, usize);

const PLACES: usize = 8;

impl<S, const N: usize> Default for Picked<S, N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| OnceLock::new()))
    }
}

/// It says nothing that the measurements do not.
impl<S, const N: usize> PartialEq for Picked<S, N> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<S: Copy, const N: usize> Picked<S, N> {
    /// What was answered before, or what `pick` says now.
    pub(super) fn get_or(&self, asked: Asked, pick: impl FnOnce() -> S) -> S {
        for place in &self.0 {
            match place.get() {
                Some((before, setting)) if *before == asked => return *setting,
                Some(_) => {}
                None => {
                    let setting = pick();
                    // Another thread may have taken the place meanwhile.
                    let _ = place.set((asked, setting));
                    return setting;
                }
            }
        }
        pick()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_those_of_what_was_asked_however_many_there_are() {
        let picked = Picked::<_, PLACES>::default();
        for turn in 0..3 {
            for k in 0..3 * PLACES {
                let mut asked = false;
                let answer = picked.get_or((0.5, k), || {
                    asked = true;
                    10 * k
                });
                assert_eq!((answer, asked), (10 * k, turn == 0 || k >= PLACES));
            }
        }
        assert_eq!(picked.get_or((f32::NAN, 1), || 7), 7, "what is not equal to itself is never known");
    }
}
