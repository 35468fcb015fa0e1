//! `toolgate fmt`: our own policies are formatted, nothing is lost, and what cannot be formatted is left alone.

mod support;

use std::fs;

use support::{path, policies, run, run_with};
use toolgate_workbench::bundle::policy_files;
use toolgate_workbench::fmt::format;

const BUNDLES: &[&str] = &["examples/acme", "packs/starter/example", "packs/toxic-flow/example", "workbench/template"];

const UGLY: &str = "// one\n\n// two\n@id(\"a\")permit(principal,action,resource)when{resource.sensitive};";
const PRETTY: &str =
    "// one\n\n// two\n@id(\"a\")\npermit (principal, action, resource)\nwhen { resource.sensitive };\n";

/// A folder with one file of policies.
#[expect(clippy::expect_used, reason = "tests may panic; clippy only knows those with #[test]")]
fn file(text: &str) -> (tempfile::TempDir, String) {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let file = temp.path().join("a.cedar");
    fs::write(&file, text).expect("written");
    let shown = file.display().to_string();
    (temp, shown)
}

#[test]
fn every_policy_of_ours_is_formatted_and_formatting_is_idempotent() {
    for bundle in BUNDLES {
        let ran = run(&["fmt", &path(bundle), "--check"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{bundle}: {}", ran.stderr);
        for file in policy_files(&policies().join(bundle)).unwrap() {
            let text = fs::read_to_string(&file).unwrap();
            assert_eq!(format(&text).unwrap(), text, "{}", file.display());
            // on one line each, and back again: the layout does not depend on what was there
            let flat: String = text
                .lines()
                .map(|line| {
                    if line.starts_with("//") || line.is_empty() {
                        format!("{line}\n")
                    } else {
                        format!("{} ", line.trim())
                    }
                })
                .collect::<String>()
                .replace("; \n", ";\n");
            assert_eq!(format(&flat).unwrap(), text, "{}", file.display());
        }
    }
}

#[test]
fn files_are_written_and_checked() {
    let (_temp, file) = file(UGLY);
    let check = run(&["fmt", &file, "--check"]);
    assert_eq!(check.code, 1, "{}", check.stderr);
    assert!(
        check.stdout.contains("is not formatted") && check.stdout.contains("+permit (principal"),
        "{}",
        check.stdout
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), UGLY, "--check writes nothing");
    let ran = run(&["fmt", &file]);
    assert_eq!((ran.code, fs::read_to_string(&file).unwrap().as_str()), (0, PRETTY), "{}", ran.stderr);
    assert_eq!(run(&["fmt", &file, "--check"]).code, 0);
    let json = run(&["fmt", &file, "--json"]).json();
    assert_eq!((json[0]["status"].as_str(), json[0]["file"].as_str()), (Some("unchanged"), Some(file.as_str())));
}

#[test]
fn a_file_that_is_no_cedar_is_left_alone_and_the_others_are_not() {
    let (temp, broken) = file("permit (principal, action);");
    let good = temp.path().join("b.cedar").display().to_string();
    fs::write(&good, UGLY).unwrap();
    let ran = run(&["fmt", &broken, &good]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("left as it is") && ran.stderr.contains("1 left alone"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&broken).unwrap(), "permit (principal, action);");
    assert_eq!(fs::read_to_string(&good).unwrap(), PRETTY);
    fs::write(&broken, b"\xff").unwrap();
    let ran = run(&["fmt", &broken]);
    assert!(ran.code == 2 && ran.stderr.contains("not UTF-8"), "{}", ran.stderr);
    for nothing in ["nowhere.cedar", &temp.path().display().to_string()] {
        assert_eq!(run(&["fmt", nothing]).code, 2);
    }
}

#[test]
fn stdin_goes_to_stdout() {
    let ran = run_with(&["fmt", "--stdin"], UGLY.as_bytes());
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, PRETTY, ""));
    let broken = run_with(&["fmt", "--stdin"], b"permit");
    assert_eq!((broken.code, broken.stdout.as_str()), (2, ""));
    assert_eq!(run_with(&["fmt", "--stdin", "--check"], UGLY.as_bytes()).code, 1);
    assert_eq!(run_with(&["fmt", "--stdin", "--check"], PRETTY.as_bytes()).code, 0);
    assert_eq!(run(&["fmt"]).code, 2);
}

#[cfg(unix)]
#[test]
fn links_and_permissions_stay() {
    use std::os::unix::fs::PermissionsExt as _;
    let (temp, target) = file(UGLY);
    fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
    let link = temp.path().join("link.cedar");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    assert_eq!(run(&["fmt", &link.display().to_string()]).code, 0);
    assert!(link.is_symlink());
    assert_eq!(fs::read_to_string(&target).unwrap(), PRETTY);
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 2, "nothing is left behind");
}
