//! Regular expressions in the program's code: compiled once, and never silently missing.

use regex::Regex;

/// Compiles a pattern. One that does not compile is a bug, so it stops the program instead of silently finding nothing; each
/// module that declares patterns has a test that compiles them.
#[allow(clippy::panic, reason = "a pattern is a constant, and a test compiles every one")]
pub(crate) fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|error| panic!("a pattern of preflight's own does not compile: {error}"))
}

/// Declares patterns, each compiled when it is first used, and the test that compiles all of them.
///
/// `\w`, `\d` and `\b` know all of Unicode, which takes milliseconds to compile, and more with each repetition: write
/// `(?-u:\w)` for letters of code, and no limit such as `{0,300}` after a class that excludes something.
macro_rules! patterns {
    ($($(#[$attribute:meta])* $name:ident = $pattern:expr;)+) => {
        $(
            $(#[$attribute])*
            static $name: std::sync::LazyLock<regex::Regex> =
                std::sync::LazyLock::new(|| $crate::pattern::compiled($pattern));
        )+

        #[cfg(test)]
        #[test]
        fn every_pattern_compiles() {
            $(std::sync::LazyLock::force(&$name);)+
        }
    };
}

pub(crate) use patterns;

#[cfg(test)]
mod tests {
    use std::path::Path;

    fn sources(folder: &Path) -> Vec<(String, String)> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .flat_map(|path| match path.extension() {
                None => sources(&path),
                Some(end) if end == "rs" => {
                    vec![(path.display().to_string(), std::fs::read_to_string(&path).unwrap())]
                }
                Some(_) => Vec::new(),
            })
            .collect()
    }

    #[test]
    fn no_other_module_compiles_a_pattern() {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let call = concat!("Regex::", "new(");
        let compiling = sources(&src).into_iter().filter(|(_, text)| text.contains(call)).map(|(path, _)| path);
        let compiling: Vec<String> = compiling.collect();
        assert!(compiling.len() == 1 && compiling[0].ends_with("pattern.rs"), "{compiling:?}");
    }
}
