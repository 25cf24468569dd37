use super::machine::machines;
use super::random::{walk, walks};
use super::{cases, untaken, Client, Engine, Model};

#[test]
fn the_machines_can_be_read() {
    assert_eq!(machines().engine.atoms().len(), 74);
    assert!(machines().client.atoms().len() > 100);
}

#[test]
fn every_transition_has_a_case_or_a_reason() {
    let bare: Vec<_> =
        untaken().unwrap().iter().filter(|untaken| untaken.reason.is_none()).map(|one| &one.id).collect();
    assert!(bare.is_empty(), "{bare:?}");
    let transitions = machines().engine.atoms().len() + machines().client.atoms().len();
    let random = cases().unwrap().iter().filter(|case| case.id.contains("/random/")).count();
    assert_eq!(cases().unwrap().len() - random + untaken().unwrap().len(), transitions);
}

/// No list of inputs leads a model out of its machine, and the same seed makes the same case.
fn stays_in_the_machine<M: Model>() {
    for seed in 0..40 {
        let make = || {
            let all = walks::<M>(seed, 60, 5).unwrap();
            let finished =
                all.iter().map(|(variant, inputs)| walk::<M>(*variant, inputs).1.finish("w/1", "A walk."));
            finished.map(|case| case.unwrap().steps.iter().map(|step| step.text.clone()).collect()).collect()
        };
        let once: Vec<Vec<String>> = make();
        assert_eq!(once, make());
    }
}

#[test]
fn the_model_of_an_engine_stays_in_its_machine() {
    stays_in_the_machine::<Engine>();
}

#[test]
fn the_model_of_a_client_stays_in_its_machine() {
    stays_in_the_machine::<Client>();
}
