use super::*;

/// By hand: the gold label is contradiction, and there is a rationale for each of the three labels.
#[wasm_bindgen_test(unsupported = test)]
fn a_probe_changes_one_thing_at_a_time() {
    let probes = sensitivity_probes(&nli(), &[example(3)], &PairConfig::default()).expect("a valid example");
    let ids: Vec<&str> = probes.iter().map(|probe| probe.id.as_str()).collect();
    assert_eq!(ids, ["nli-3:entailment", "nli-3:neutral"]);
    let SensitivityProbe {
        prompt,
        response,
        label_flipped,
        rationale_swapped,
        ..
    } = &probes[0];
    assert!(prompt.ends_with("Reason, then label:\n"), "{prompt}");
    assert_eq!(response, "The 3 men cannot do both.\nLabel: contradiction");
    assert_eq!(label_flipped, "The 3 men cannot do both.\nLabel: entailment");
    assert_eq!(rationale_swapped, "A lab is a boat.\nLabel: contradiction");
}

#[wasm_bindgen_test(unsupported = test)]
fn without_rationales_there_is_no_probe() {
    let mut bare = example(3);
    bare.rationales.remove("neutral");
    let probes = sensitivity_probes(&nli(), &[bare], &PairConfig::default()).expect("a valid example");
    assert_eq!(probes.len(), 1);
    let config = PairConfig {
        format: ResponseFormat::LabelOnly,
        ..PairConfig::default()
    };
    let error = sensitivity_probes(&nli(), &[example(3)], &config);
    assert_eq!(error, Err(PairError::NoRationaleInFormat));
}
