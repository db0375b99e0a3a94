//! Who had to do with what before the held-out time, by number.

/// The items of each user, ascending and each once: what baselines learn from and popularity is counted over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Histories {
    ends: Vec<usize>,
    items: Vec<u32>,
    /// How many users each item has.
    counts: Vec<u32>,
}

impl Histories {
    /// Takes pairs of user and item, in any order and any number of times; numbers outside `users` and `items` are left out.
    ///
    /// ```
    /// let histories = torre_report::Histories::new(2, 3, [(1, 2), (0, 1), (1, 2), (1, 0)]);
    /// assert_eq!((histories.of(0), histories.of(1), histories.counts()), (&[1][..], &[0, 2][..], &[1, 1, 1][..]));
    /// ```
    pub fn new(users: usize, items: usize, pairs: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut pairs: Vec<(u32, u32)> =
            pairs.into_iter().filter(|(user, item)| (*user as usize) < users && (*item as usize) < items).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let (mut ends, mut counts) = (vec![0; users], vec![0; items]);
        for (user, item) in &pairs {
            ends[*user as usize] += 1;
            counts[*item as usize] += 1;
        }
        let mut end = 0;
        for of_user in &mut ends {
            end += *of_user;
            *of_user = end;
        }
        Self { ends, items: pairs.into_iter().map(|(_, item)| item).collect(), counts }
    }

    /// The items of a user; none of one beyond the last.
    pub fn of(&self, user: usize) -> &[u32] {
        let Some(&end) = self.ends.get(user) else { return &[] };
        let start = if user == 0 { 0 } else { self.ends[user - 1] };
        &self.items[start..end]
    }

    /// Number of users.
    pub fn users(&self) -> usize {
        self.ends.len()
    }

    /// Number of items.
    pub fn items(&self) -> usize {
        self.counts.len()
    }

    /// Users of each item.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// Pairs in all.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nobody had to do with anything.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The users of each item, as histories of the items.
    pub fn transposed(&self) -> Self {
        let pairs = (0..self.users()).flat_map(|user| self.of(user).iter().map(move |&item| (item, user as u32)));
        Self::new(self.items(), self.users(), pairs)
    }
}
