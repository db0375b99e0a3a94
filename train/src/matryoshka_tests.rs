//! Towers whose prefixes serve by themselves.
#![allow(clippy::unwrap_used)]

use serde_json::json;

use crate::error::TrainError;
use crate::events::Part;
use crate::trainer_tests::{config, run, shop};

#[test]
fn a_trained_prefix_is_served_as_it_was_trained_and_better_than_one_that_was_not() {
    for normalized in [true, false] {
        let dataset = shop(normalized, true);
        let mut config = config();
        config.training.epochs = 12;
        config.optimizer.decay = 0.95;
        let plain = run(&dataset, &config, false, None).unwrap();
        config.towers.matryoshka = vec![2, 4, 8];
        let trained = run(&dataset, &config, false, None).unwrap();
        let mut gains = Vec::new();
        for width in [2, 4, 8, 16] {
            let mut short = dataset.clone();
            short.set_width(width).unwrap();
            let (own, cut) = (trained.prefix(width), plain.prefix(width));
            assert_eq!(own.item_vectors(&short).len(), short.items.len() * width);
            // As a file, with a spec of its width: it computes the same.
            let files = own.files(&short, &json!({})).unwrap();
            assert!(files.difference <= 1e-5);
            gains.push(own.evaluate(&short, Part::Test, 10).ndcg - cut.evaluate(&short, Part::Test, 10).ndcg);
        }
        assert!(gains[0] + gains[1] > 0.02 && gains[3] > -0.1, "{gains:?}");
        let (learned, tested) = (dataset.learned(1000), dataset.cases(Part::Test));
        assert!(learned.len() > 100 && learned.iter().all(|case| case.relevant.len() == 1 && !case.history.contains(&case.relevant[0])));
        assert_eq!(dataset.learned(10).len(), learned.iter().step_by(learned.len().div_ceil(10)).count());
        assert!(tested.len() > 50);
    }
}

#[test]
fn a_prefix_that_is_none_is_refused() {
    let dataset = shop(true, true);
    for (widths, says) in
        [(vec![16], "16 is no prefix of vectors of 16 numbers"), (vec![8, 4], "do not ascend"), (vec![0], "0 is not from 1")]
    {
        let mut config = config();
        config.towers.matryoshka = widths;
        let refused = run(&dataset, &config, false, None).unwrap_err();
        assert!(
            matches!(&refused, TrainError::Option { name: "towers.matryoshka", .. }) && refused.to_string().contains(says),
            "{refused}"
        );
    }
}
