//! `preflight fix`, and what a partial run says about the last full one.

use crate::program::Folder;

#[test]
fn a_fix_changes_what_failed_and_ends_with_the_new_verdict() {
    let ended = Folder::new().run(&["fix", "--sandbox=metadata-case,portal-no-cancel", "--yes"]);
    assert_eq!(ended.status, 0, "{}", ended.all());
    for part in ["metadata.plan: \"Pro\" → \"pro\"", "FIXED stripe/product-metadata: case", "GO: "] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
}

#[test]
fn a_fix_that_needs_a_second_look_takes_one() {
    let ended = Folder::new().run(&["fix", "--sandbox=checkout-test-key", "--yes"]);
    assert_eq!(ended.status, 0, "{}", ended.all());
    assert!(ended.stdout.contains("That showed more to fix."), "{}", ended.stdout);
}

#[test]
fn a_report_ends_with_the_fix_command_of_this_run() {
    let ended = Folder::new().run(&["run", "--sandbox=metadata-case"]);
    assert!(ended.stdout.ends_with("preflight fix --sandbox=metadata-case\n"), "{}", ended.stdout);
}

#[test]
fn without_a_terminal_nothing_is_changed() {
    for arguments in [&["fix", "--sandbox=metadata-case"][..], &["fix", "--sandbox=metadata-case", "--dry-run"]] {
        let ended = Folder::new().run(arguments);
        assert_eq!(ended.status, 1, "{}", ended.all());
        assert!(ended.stdout.ends_with("Nothing was changed.\n"), "{}", ended.stdout);
    }
}

#[test]
fn what_only_a_person_can_do_is_listed_and_left_alone() {
    let ended = Folder::new().run(&["fix", "--sandbox=endpoint-path", "--yes"]);
    assert_eq!(ended.status, 1, "{}", ended.all());
    assert!(ended.stdout.contains("Only you can do this"), "{}", ended.stdout);
}

#[test]
fn without_a_fix_there_is_nothing_to_undo() {
    let ended = Folder::new().run(&["fix", "--undo"]);
    assert_eq!((ended.status, ended.stdout.starts_with("There is no fix to undo")), (0, true), "{}", ended.all());
}

#[test]
fn the_command_that_verifies_a_fix_judges_its_check_and_leaves_the_last_report_alone() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["run", "--sandbox=metadata-case"]).status, 1);
    let full = folder.read("reports/preflight.json");
    let verify = ["run", "--sandbox", "--only", "stripe/product-metadata"];
    let ended = folder.run(&verify);
    assert_eq!(ended.status, 0, "{}", ended.all());
    assert!(ended.stdout.contains("GO: 1 of 1 selected check verified"), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("FIXED  stripe/product-metadata\n"), "{}", ended.stdout);
    assert_eq!(folder.read("reports/preflight.json"), full);
}

#[test]
fn a_check_that_another_one_blocks_brings_that_one_along() {
    let ended = Folder::new().run(&["run", "--sandbox=endpoint-slash", "--only", "webhook/events"]);
    assert_eq!(ended.status, 1, "{}", ended.all());
    assert!(ended.stdout.contains("webhook/endpoint: trailing-slash"), "{}", ended.stdout);
}
