//! Headers that go along with every request to a collector.

use super::parse::{Fault, Parsed, percent_decoded};
use super::secret::{Secret, quoted};

/// Names and values of headers, in lower case and without repetition. The values are [`Secret`]s.
pub type Headers = Vec<(String, Secret)>;

/// Headers that belong to the exporter: given twice they would make a request that two servers read differently.
const RESERVED: [&str; 5] =
    ["connection", "content-encoding", "content-length", "content-type", "transfer-encoding"];

/// The headers in the value of a variable: `name=value,name=value` with percent-encoded values.
pub(super) fn from_list(list: &str) -> Parsed<Headers> {
    let mut headers = Headers::new();
    for (number, member) in list.split(',').enumerate() {
        let member = member.trim_matches([' ', '\t']);
        if member.is_empty() {
            continue;
        }
        let Some((name, value)) = member.split_once('=') else {
            return Err(Fault::Refused(format!(
                "header {} has no =: write name=value,name=value",
                number + 1
            )));
        };
        let name = name.trim_matches([' ', '\t']);
        if name.is_empty() {
            return Err(Fault::Refused(format!("header {} has no name before its =", number + 1)));
        }
        let Some(value) = percent_decoded(value.trim_matches([' ', '\t'])) else {
            return Err(Fault::Refused(format!(
                "the value of header {} is no UTF-8 when decoded",
                number + 1
            )));
        };
        put(&mut headers, name, &value)?;
    }
    Ok(headers)
}

/// Puts a header in; a later one of the same name counts.
pub(super) fn put(headers: &mut Headers, name: &str, value: &str) -> Parsed<()> {
    if name.is_empty() {
        return Err(Fault::Refused("a header must have a name".into()));
    }
    if !name.bytes().all(is_token) {
        // What stands there may be a part of a secret that was cut at the wrong place: it is not shown.
        return Err(Fault::Refused(
            "names of headers are made of letters, digits and !#$%&'*+-.^_`|~; \
             a comma within a value is written as %2C"
                .into(),
        ));
    }
    let name = name.to_ascii_lowercase();
    if RESERVED.contains(&name.as_str()) {
        return Err(Fault::Refused(format!("header {} is set by the exporter: leave it out", quoted(&name))));
    }
    if !value.bytes().all(|byte| byte == b'\t' || (0x20..0x7f).contains(&byte)) {
        return Err(Fault::Refused(format!(
            "the value of header {} holds a line break, another control character or one that is not ASCII",
            quoted(&name)
        )));
    }
    let value = Secret::new(value);
    match headers.iter_mut().find(|(known, _)| *known == name) {
        Some((_, known)) => *known = value,
        None => headers.push((name, value)),
    }
    Ok(())
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &str) -> Vec<(String, String)> {
        let headers = from_list(list).unwrap();
        headers.into_iter().map(|(name, value)| (name, value.reveal().to_owned())).collect()
    }

    #[test]
    fn lists() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            read("Authorization=Bearer%20a%3Db, x-tenant = 7 ,,"),
            [pair("authorization", "Bearer a=b"), pair("x-tenant", "7")]
        );
        assert_eq!(read("a=1;meta,A=b=c"), [pair("a", "b=c")]);
        assert_eq!(read("a="), [pair("a", "")]);
        assert_eq!(read("  "), []);
    }

    #[test]
    fn nothing_can_be_put_between_headers() {
        for list in [
            "a",
            "=1",
            " =1",
            "a b=1",
            "a:=1",
            "ä=1",
            "a=%0d%0aevil: 1",
            "a=x\nb",
            "a=x%00",
            "a=%ff",
            "a=%C3%A9",
            "Content-Length=0",
            "transfer-encoding=chunked",
        ] {
            assert!(matches!(from_list(list), Err(Fault::Refused(_))), "{list:?}");
        }
    }
}
