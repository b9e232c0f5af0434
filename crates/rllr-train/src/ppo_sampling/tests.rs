use wasm_bindgen_test::wasm_bindgen_test;

use super::*;
use crate::group_advantage::GroupAdvantage;
use crate::ppo_config::PpoPreset;

/// Two groups of two are wanted, in at most three draws.
fn collector() -> GroupCollector {
    let config = PpoConfig {
        batch_size: 4,
        advantage: AdvantageSource::Group {
            group_size: 2,
            kind: GroupAdvantage::Grpo,
            equal_groups: EqualGroups::DrawAgain { max_draws: 3 },
        },
        ..PpoPreset::Grpo.config()
    };
    GroupCollector::new(&config).unwrap()
}

/// Two groups; the tokens of prompts say where they come from.
fn draw(first: u32) -> Responses {
    let prompts = [first, first, first + 1, first + 1].map(|id| vec![id]).to_vec();
    Responses::new(prompts, vec![vec![7]; 4], vec![true; 4], 1).unwrap()
}

#[wasm_bindgen_test(unsupported = test)]
fn groups_that_differ_are_kept_until_there_are_enough() {
    let mut groups = collector();
    groups.add(draw(10), vec![1.0, 1.0, 0.0, 1.0]).unwrap();
    assert!(groups.is_open());
    groups.add(draw(20), vec![0.5, 0.0, 0.0, 2.0]).unwrap();
    assert!(!groups.is_open());
    let found = groups.finish().unwrap();
    assert_eq!(found.responses.prompts(), [[11], [11], [20], [20]]);
    assert_eq!(found.scores, [0.0, 1.0, 0.5, 0.0]);
    // Of four groups that were seen one is equal; one more differs, but was not needed.
    assert_eq!((found.draws, found.equal_groups), (2, Some(0.25)));
}

#[wasm_bindgen_test(unsupported = test)]
fn draws_end() {
    let mut groups = collector();
    for first in [10, 20] {
        groups.add(draw(first), vec![1.0; 4]).unwrap();
    }
    groups.add(draw(30), vec![1.0, 1.0, 1.0, 0.0]).unwrap();
    assert!(!groups.is_open(), "three draws");
    let found = groups.finish().unwrap();
    assert_eq!(found.responses.prompts(), [[31], [31]]);
    assert!(collector().finish().is_none(), "nothing was drawn");
    assert!(GroupCollector::new(&PpoPreset::Grpo.config()).is_none());
    assert!(collector().add(draw(1), vec![1.0; 3]).is_err());
}
