use rllr_train::KlController;
use rllr_train::pipeline::{LabelThreshold, Level};

use super::*;

/// Settings with a file of this text.
fn with_file(name: &str, text: &str, set: &[&str]) -> anyhow::Result<Recipe> {
    let path = std::env::temp_dir().join(format!("rllr-settings-{}-{name}.toml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    let args = SettingsArgs {
        config: Some(path.clone()),
        set: set.iter().map(|&change| change.to_owned()).collect(),
        print_config: false,
    };
    let read = args.read(None);
    std::fs::remove_file(path).unwrap();
    read
}

fn message(result: anyhow::Result<Recipe>) -> String {
    result.unwrap_err().to_string()
}

/// What a file leaves out keeps its default, in nested settings too; another choice replaces a choice.
#[test]
fn a_file_changes_what_it_names_and_nothing_else() {
    let text = "ppo_steps = 3\n[sft]\nepochs = 2\n[ppo.kl_controller.adaptive]\nkl_coef = 0.1\ntarget = 6.0\nhorizon = 100.0\n";
    let default = Recipe::default();
    let found = with_file("changes", text, &[]).unwrap();
    assert_eq!((found.ppo_steps, found.sft.epochs), (3, 2));
    assert_eq!(found.sft.learning_rate, default.sft.learning_rate);
    assert_eq!(found.ppo.batch_size, default.ppo.batch_size);
    let expected = KlController::Adaptive {
        kl_coef: 0.1,
        target: 6.0,
        horizon: 100.0,
    };
    assert_eq!(found.ppo.kl_controller, expected);
}

#[test]
fn changes_go_before_the_file_and_may_be_words() {
    let set = [
        "sft.epochs=4",
        "data.level=medium",
        "label_threshold.fixed=3.9",
        "compare.tasks=[\"a\"]",
        "data.limits.mnli.sft=7",
        "data.limits.sst2.sft=8",
    ];
    let found = with_file("set", "[sft]\nepochs = 2\n", &set).unwrap();
    assert_eq!((found.sft.epochs, found.data.level), (4, Level::Medium));
    assert_eq!(found.label_threshold, LabelThreshold::Fixed(3.9));
    assert_eq!(found.compare.tasks, ["a"]);
    assert_eq!(["mnli", "sst2"].map(|task| found.data.counts(task)[0]), [7, 8]);
}

#[test]
fn a_key_that_is_not_known_is_named_with_the_nearest() {
    let message_of = |text: &str| message(with_file("unknown", text, &[]));
    let found = message_of("[sft]\nepoch = 2\n");
    for part in ["line 2", "`epoch`", "did you mean `epochs`?"] {
        assert!(found.contains(part), "{found}");
    }
    let found = message_of("label_pairs = \"with_fliped_labels\"\n");
    assert!(found.contains("did you mean `with_flipped_labels`?"), "{found}");
    let found = message_of("[sft\n");
    assert!(found.contains("line 1"), "{found}");
    let found = message_of("[sft]\nepochs = \"many\"\n");
    assert!(found.contains("line 2") && found.contains("many"), "{found}");

    let found = message(with_file("set-unknown", "", &["ppo.learning_rat=1e-4"]));
    for part in ["--set ppo.learning_rat=1e-4", "did you mean `learning_rate`?"] {
        assert!(found.contains(part), "{found}");
    }
    let found = message(with_file("set-no-value", "", &["sft.epochs"]));
    assert!(found.contains("KEY=VALUE"), "{found}");
    assert_eq!(
        nearest("unknown field `zzz`, expected `epochs`"),
        None,
        "nothing is like it"
    );
}

#[test]
fn contradictions_name_the_key() {
    let found = message(with_file("contradiction", "[grpo]\nbatch_size = 9\n", &[]));
    assert!(
        found.contains("grpo.batch_size: found 9, expected a multiple"),
        "{found}"
    );
    let found = message(with_file("adapter", "[training.adapter]\nr = 8\n", &[]));
    assert!(
        found.contains("ppo.critic") && found.contains("own_adapter"),
        "{found}"
    );
}

/// What is printed is read back as the same settings; the files that come with the program have no mistake.
#[test]
fn settings_are_read_back_as_they_were_written() {
    for (name, text) in BUILT_IN {
        let args = SettingsArgs {
            config: Some(PathBuf::from(name)),
            ..SettingsArgs::default()
        };
        let recipe = args.read(None).unwrap_or_else(|error| panic!("{name}: {error}"));
        let again = with_file(name, &to_toml(&recipe).unwrap(), &[]).unwrap();
        assert_eq!(again, recipe, "{name}");
        assert!(!text.is_empty());
        assert!(args.names("compare", "tasks").unwrap(), "{name}");
    }
    assert_eq!(SettingsArgs::default().read(None).unwrap(), Recipe::default());
}
