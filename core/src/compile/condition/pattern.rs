//! The patterns of `like`: texts with gaps.

use cedar_policy::pst::PatternElem;

/// A pattern, split at its wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// No wildcard.
    Exact(Box<str>),
    /// What comes first, what comes in this order somewhere after it, and what comes last.
    Gaps { first: Box<str>, middle: Box<[Box<str>]>, last: Box<str> },
}

impl Pattern {
    pub(crate) fn new(elements: &[PatternElem]) -> Self {
        let mut parts = vec![String::new()];
        for element in elements {
            match (element, parts.last_mut()) {
                (PatternElem::Char(char), Some(part)) => part.push(*char),
                _ => parts.push(String::new()),
            }
        }
        let mut parts = parts.into_iter().map(String::into_boxed_str);
        let first = parts.next().unwrap_or_default();
        match parts.next_back() {
            None => Self::Exact(first),
            Some(last) => Self::Gaps { first, middle: parts.filter(|part| !part.is_empty()).collect(), last },
        }
    }

    /// Whether it matches the whole text. Each part is looked for once, from where the one before it ended, so the
    /// time is linear in the text.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => text == &**exact,
            Self::Gaps { first, middle, last } => {
                let rest = text.strip_prefix(&**first).and_then(|rest| rest.strip_suffix(&**last));
                let Some(mut rest) = rest else { return false };
                let Some((end, others)) = middle.split_last() else { return true };
                for part in others {
                    let Some((_, after)) = rest.split_once(&**part) else { return false };
                    rest = after;
                }
                rest.contains(&**end)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        let elements: Vec<PatternElem> =
            text.chars().map(|c| if c == '*' { PatternElem::Wildcard } else { PatternElem::Char(c) }).collect();
        Pattern::new(&elements)
    }

    /// The obvious matcher: exponential, and right.
    fn slow(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skip| slow(rest, &text[skip..])),
            Some((c, rest)) => text.first() == Some(c) && slow(rest, &text[1..]),
        }
    }

    #[test]
    fn patterns_match_like_the_obvious_matcher() {
        let (mut matched, mut patterns) = (0, vec![String::new()]);
        for _ in 0..5 {
            let longer: Vec<String> =
                patterns.iter().flat_map(|p| ["a", "é", "*"].map(|c| format!("{p}{c}"))).collect();
            patterns.extend(longer);
            patterns.sort();
            patterns.dedup();
        }
        let mut texts = vec![String::new()];
        for _ in 0..5 {
            let longer: Vec<String> = texts.iter().flat_map(|t| ["a", "é"].map(|c| format!("{t}{c}"))).collect();
            texts.extend(longer);
            texts.sort();
            texts.dedup();
        }
        for p in &patterns {
            let fast = pattern(p);
            let chars: Vec<char> = p.chars().collect();
            for t in &texts {
                let expected = slow(&chars, &t.chars().collect::<Vec<_>>());
                assert_eq!(fast.matches(t), expected, "{t:?} like {p:?}");
                matched += usize::from(expected);
            }
        }
        assert!(patterns.len() > 300 && texts.len() > 60 && matched > 4_000, "{matched}");
    }

    #[test]
    fn a_star_in_the_text_is_a_character() {
        let exact = Pattern::new(&[PatternElem::Char('*')]);
        assert!(exact.matches("*") && !exact.matches("a") && !exact.matches(""));
    }
}
