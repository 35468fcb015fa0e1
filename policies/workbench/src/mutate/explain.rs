//! Why a survivor is right to survive, said in a comment above its policy:
//!
//! ```text
//! // mutants: allow drop-operand of `resource.sensitive` because plain reads run without a yes anyway
//! ```
//!
//! Without `of`, every mutant of that operator is meant. The reason is required, and one that explains nothing is a
//! fault: it would hide the next survivor.

use super::{Mutant, Operator};
use crate::source::PolicyFile;

/// What the comment begins with.
const LEAD: &str = "mutants:";

/// One explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The policy it stands above.
    pub policy: String,
    /// What was done to it.
    pub operator: Operator,
    /// To which part of it, blanks apart; any, if not said.
    pub about: Option<String>,
    /// Why no test can or need notice.
    pub reason: String,
    /// The file it is in.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// Something wrong with an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Explanation {
    /// Whether it is about this mutant.
    pub fn covers(&self, mutant: &Mutant) -> bool {
        self.policy == mutant.policy
            && self.operator == mutant.operator
            && self.about.as_ref().is_none_or(|about| plain(about) == plain(&mutant.about))
    }

    /// What is said of one that covers no survivor.
    pub fn explains_nothing(&self) -> Fault {
        let about = self.about.as_ref().map_or_else(String::new, |about| format!(" of `{about}`"));
        Fault {
            file: self.file.clone(),
            line: self.line,
            message: format!("no `{}`{about} survives here: remove this explanation, or correct it", self.operator),
        }
    }
}

/// The explanations above the policies whose id is wanted, and those that cannot be read.
pub fn read(files: &[PolicyFile], wanted: &dyn Fn(&str) -> bool) -> (Vec<Explanation>, Vec<Fault>) {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for file in files {
        for policy in file.policies.iter().filter(|policy| wanted(&policy.id)) {
            for comment in &policy.comments {
                let text = file.at(comment).trim_start_matches('/').trim();
                let Some(text) = text.strip_prefix(LEAD) else { continue };
                let (name, line) = (file.file.clone(), file.place(comment).line);
                match parse(text.trim()) {
                    Ok((operator, about, reason)) => {
                        let policy = policy.id.clone();
                        found.push(Explanation { policy, operator, about, reason, file: name, line });
                    }
                    Err(message) => faults.push(Fault { file: name, line, message }),
                }
            }
        }
    }
    (found, faults)
}

/// `allow <operator> [of `<text>`] because <reason>`.
fn parse(text: &str) -> Result<(Operator, Option<String>, String), String> {
    let form = "write ``mutants: allow drop-operand of `resource.sensitive` because …``";
    let rest = text.strip_prefix("allow ").ok_or_else(|| format!("an explanation begins with `allow`; {form}"))?;
    let (name, mut rest) = rest.trim().split_once(' ').ok_or_else(|| format!("the reason is missing; {form}"))?;
    let operator = Operator::parse(name).ok_or_else(|| {
        let known: Vec<&str> = Operator::ALL.into_iter().map(Operator::name).collect();
        format!("`{name}` is no operator; there are {}", known.join(", "))
    })?;
    let mut about = None;
    if let Some(part) = rest.trim_start().strip_prefix("of `") {
        let (named, after) = part.split_once("` ").ok_or_else(|| format!("a backtick is missing; {form}"))?;
        about = Some(named.to_owned());
        rest = after;
    }
    let reason = rest.trim_start().strip_prefix("because").map(str::trim).unwrap_or_default();
    if reason.is_empty() {
        return Err(format!("the reason is missing; {form}"));
    }
    Ok((operator, about, reason.to_owned()))
}

/// The same text however it is spaced.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use toolgate::Source;

    use super::*;
    use crate::mutate::mutants;

    #[test]
    fn an_explanation_names_operator_part_and_reason() {
        let of = |text: &str| parse(text).unwrap();
        assert_eq!(of("allow drop-policy because it says so"), (Operator::DropPolicy, None, "it says so".into()));
        let (operator, about, reason) = of("allow drop-operand of `a.b == \"c\"` because it is implied");
        assert_eq!(
            (operator, about.unwrap().as_str(), reason.as_str()),
            (Operator::DropOperand, "a.b == \"c\"", "it is implied")
        );
        for (text, said) in [
            ("drop-policy because x", "begins with `allow`"),
            ("allow drop-policy", "the reason is missing"),
            ("allow drop-policy because ", "the reason is missing"),
            ("allow drop-policies because x", "`drop-policies` is no operator; there are drop-policy"),
            ("allow drop-operand of `a because x", "a backtick is missing"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn it_covers_what_it_names_and_nothing_else() {
        let text = "// mutants: allow negate-operand of `a.b == 1` because x\n// mutants: nonsense\n\
                    @id(\"p\") permit (principal, action, resource) when { a.b  ==\n 1 && c.d };";
        let files = [PolicyFile::read(&Source::new("a.cedar", text)).unwrap()];
        let (found, faults) = read(&files, &|_| true);
        assert_eq!((found.len(), faults.len(), faults[0].line), (1, 1, 2));
        let covered: Vec<_> = mutants(&files, &|_| true).into_iter().filter(|mutant| found[0].covers(mutant)).collect();
        assert_eq!(covered.len(), 1);
        assert_eq!((covered[0].operator, covered[0].about.as_str()), (Operator::NegateOperand, "a.b  ==\n 1"));
    }
}
