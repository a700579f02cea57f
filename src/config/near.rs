//! Which known key a mistyped one looks like.

/// Longer texts are no mistyped keys.
const MOST: usize = 64;

/// The known key with the fewest letters to change, if they are few.
pub(super) fn nearest<'k>(written: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if written.len() > MOST {
        return None;
    }
    let few = 1 + written.chars().count() / 4;
    known
        .filter(|key| key.len() <= MOST)
        .map(|key| (distance(written, key), key))
        .filter(|(distance, _)| *distance <= few)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, key)| key)
}

/// How many letters are to be added, taken away or changed: Levenshtein's distance, row by row.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.chars().enumerate() {
        let mut before = index;
        let mut left = index + 1;
        let mut next = Vec::with_capacity(row.len());
        next.push(left);
        for (other, above) in to.iter().zip(row.iter().skip(1)) {
            let changed = before + usize::from(*other != letter);
            left = changed.min(left + 1).min(above + 1);
            before = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        let known = ["endpoint", "headers", "timeout", "protocol"];
        for (written, meant) in [
            ("endpont", Some("endpoint")),
            ("end_point", Some("endpoint")),
            ("header", Some("headers")),
            ("Timeout", Some("timeout")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known.into_iter()), meant, "{written}");
        }
        assert_eq!(nearest(&"e".repeat(10_000), known.into_iter()), None);
        assert_eq!((distance("kitten", "sitting"), distance("", "abc"), distance("abc", "")), (3, 3, 3));
    }
}
