//! Which keys hold secrets, by their names.
//!
//! The built-in list works on the words of a key, split at punctuation and at the humps of `camelCase`: `api_key`,
//! `X-Api-Key` and `apiKey` are the same two words. Looking at words is what tells `auth_token` from
//! `gen_ai.usage.input_tokens` and `time_to_first_token`. Lists of substrings, as Dynamo has them, are there too.

/// Which keys hold secrets.
///
/// ```
/// use spanloom::redact::KeyRules;
/// let rules = KeyRules::attributes().exact("customer.iban").allow("page.token");
/// assert!(rules.matches("http.request.header.authorization"));
/// assert!(rules.matches("customer.iban"));
/// assert!(!rules.matches("gen_ai.usage.input_tokens"));
/// assert!(!rules.matches("page.token"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRules {
    words: bool,
    contains: Vec<String>,
    exact: Vec<String>,
    allowed: Vec<String>,
    replacement: String,
}

/// What Dynamo looks for in names.
const DYNAMO: [&str; 6] = ["TOKEN", "API_KEY", "SECRET", "PASSWORD", "CREDENTIAL", "AUTH"];

impl Default for KeyRules {
    fn default() -> Self {
        Self::attributes()
    }
}

impl KeyRules {
    /// No key.
    #[must_use]
    pub fn none() -> Self {
        Self {
            words: false,
            contains: Vec::new(),
            exact: Vec::new(),
            allowed: Vec::new(),
            replacement: "[REDACTED:key]".into(),
        }
    }

    /// The built-in list for attribute keys.
    #[must_use]
    pub fn attributes() -> Self {
        Self { words: true, ..Self::none() }
    }

    /// Dynamo's rule for names of environment variables: substrings, in any case. It also finds `TOKENIZERS_...`.
    #[must_use]
    pub fn dynamo() -> Self {
        let mut rules = DYNAMO.iter().fold(Self::none(), |rules, part| rules.contains(part));
        rules.replacement = "<REDACTED>".into();
        rules
    }

    /// Dynamo's rule in its later versions, which also look for `ACCESS_KEY`.
    #[must_use]
    pub fn dynamo_later() -> Self {
        Self::dynamo().contains("ACCESS_KEY")
    }

    /// Also keys that contain this, in any case.
    #[must_use]
    pub fn contains(mut self, part: &str) -> Self {
        self.contains.push(part.to_uppercase());
        self
    }

    /// Also this key.
    #[must_use]
    pub fn exact(mut self, key: impl Into<String>) -> Self {
        self.exact.push(key.into());
        self
    }

    /// Never this key, whatever else says so.
    #[must_use]
    pub fn allow(mut self, key: impl Into<String>) -> Self {
        self.allowed.push(key.into());
        self
    }

    /// What stands in the place of a value; `[REDACTED:key]` when nothing was said.
    #[must_use]
    pub fn replace_with(mut self, text: impl Into<String>) -> Self {
        self.replacement = text.into();
        self
    }

    /// What stands in the place of a value.
    #[must_use]
    pub fn replacement(&self) -> &str {
        &self.replacement
    }

    /// True when the value under this key is a secret.
    #[must_use]
    pub fn matches(&self, key: &str) -> bool {
        self.matches_bytes(key.as_bytes())
    }

    pub(crate) fn matches_bytes(&self, key: &[u8]) -> bool {
        let found = (self.words && is_sensitive(key))
            || self.exact.iter().any(|exact| exact.as_bytes() == key)
            || (!self.contains.is_empty() && self.contains_part(key));
        found && !self.allowed.iter().any(|allowed| allowed.as_bytes() == key)
    }

    fn contains_part(&self, key: &[u8]) -> bool {
        // `ſ` is an S when it is upper-cased: letters outside ASCII take the long way.
        let upper = String::from_utf8_lossy(key).to_uppercase();
        self.contains.iter().any(|part| upper.contains(part.as_str()))
    }
}

/// A lower-case word as a number, five bits a letter. Of words of more than twelve letters the last twelve count, and
/// their number: enough to tell them apart.
const fn packed(word: &str) -> u64 {
    let mut rest = word.as_bytes();
    let mut number = 0;
    while let [letter, tail @ ..] = rest {
        number = number << 5 | (*letter & 31) as u64;
        rest = tail;
    }
    number
}

/// What a word says about its key.
#[derive(Clone, Copy)]
enum Says {
    /// It is a secret.
    Secret,
    /// It is one when the word before says what for.
    After(&'static [u64]),
    /// It is one at the end, unless the word before says that it is counted or asked for.
    Token,
}

const KEY_OF: &[u64] = &[
    packed("api"),
    packed("access"),
    packed("private"),
    packed("secret"),
    packed("encryption"),
    packed("signing"),
    packed("master"),
    packed("auth"),
    packed("account"),
    packed("shared"),
    packed("ssh"),
    packed("session"),
];
const PASS_OF: &[u64] = &[
    packed("db"),
    packed("user"),
    packed("smtp"),
    packed("mysql"),
    packed("admin"),
    packed("root"),
    packed("ftp"),
    packed("redis"),
    packed("pg"),
    packed("postgres"),
    packed("mail"),
];

/// The words that matter.
const WORDS: &[(u64, Says)] = &[
    (packed("password"), Says::Secret),
    (packed("passwords"), Says::Secret),
    (packed("passwd"), Says::Secret),
    (packed("passphrase"), Says::Secret),
    (packed("passcode"), Says::Secret),
    (packed("pwd"), Says::Secret),
    (packed("secret"), Says::Secret),
    (packed("secrets"), Says::Secret),
    (packed("credential"), Says::Secret),
    (packed("credentials"), Says::Secret),
    (packed("creds"), Says::Secret),
    (packed("cookie"), Says::Secret),
    (packed("cookies"), Says::Secret),
    (packed("authorization"), Says::Secret),
    (packed("bearer"), Says::Secret),
    (packed("jwt"), Says::Secret),
    (packed("apikey"), Says::Secret),
    (packed("apikeys"), Says::Secret),
    (packed("privatekey"), Says::Secret),
    (packed("secretkey"), Says::Secret),
    (packed("accesskey"), Says::Secret),
    (packed("accesstoken"), Says::Secret),
    (packed("authtoken"), Says::Secret),
    (packed("refreshtoken"), Says::Secret),
    (packed("clientsecret"), Says::Secret),
    (packed("connectionstring"), Says::Secret),
    (packed("cvv"), Says::Secret),
    (packed("cvc"), Says::Secret),
    (packed("ssn"), Says::Secret),
    (packed("key"), Says::After(KEY_OF)),
    (packed("keys"), Says::After(KEY_OF)),
    (packed("pass"), Says::After(PASS_OF)),
    (packed("string"), Says::After(&[packed("connection")])),
    (packed("number"), Says::After(&[packed("card")])),
    (packed("string"), Says::After(&[packed("conn")])),
    (packed("token"), Says::Token),
];

/// Words before `token` that make it a token of a model or a place in a list.
const COUNTED: &[u64] = &[
    packed("first"),
    packed("last"),
    packed("next"),
    packed("per"),
    packed("input"),
    packed("output"),
    packed("prompt"),
    packed("completion"),
    packed("total"),
    packed("cached"),
    packed("reasoning"),
    packed("max"),
    packed("min"),
    packed("stop"),
    packed("eos"),
    packed("bos"),
    packed("pad"),
    packed("unk"),
    packed("mask"),
    packed("sep"),
    packed("special"),
    packed("page"),
    packed("inter"),
    packed("decode"),
    packed("new"),
];

/// Last words of keys that tell about a secret and do not hold it.
const ABOUT: &[u64] = &[
    packed("name"),
    packed("count"),
    packed("type"),
    packed("length"),
    packed("len"),
    packed("size"),
    packed("version"),
    packed("enabled"),
    packed("disabled"),
    packed("required"),
    packed("present"),
    packed("valid"),
    packed("expires"),
    packed("expiry"),
    packed("expiration"),
    packed("ttl"),
    packed("url"),
    packed("uri"),
    packed("endpoint"),
    packed("path"),
    packed("file"),
    packed("algorithm"),
    packed("limit"),
    packed("usage"),
    packed("scheme"),
    packed("provider"),
    packed("status"),
];

/// First letters of the words that matter, a bit each: nearly all words of nearly all keys end here.
const FIRST_LETTERS: u32 = bit_of('a')
    | bit_of('b')
    | bit_of('c')
    | bit_of('j')
    | bit_of('k')
    | bit_of('n')
    | bit_of('p')
    | bit_of('r')
    | bit_of('s')
    | bit_of('t');

const fn bit_of(letter: char) -> u32 {
    1 << (letter as u32 & 31)
}

/// What a byte is within a key: a letter's number, or one of the marks.
static CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(
            clippy::indexing_slicing,
            clippy::cast_possible_truncation,
            reason = "a byte, in a table of 256"
        )]
        {
            table[byte] = match byte as u8 {
                letter @ b'a'..=b'z' => letter & 31,
                letter @ b'A'..=b'Z' => letter & 31 | UPPER,
                b'0'..=b'9' => DIGIT,
                0x80.. => OTHER,
                _ => 0,
            };
        }
        byte += 1;
    }
    table
};
/// Set in the class of a capital.
const UPPER: u8 = 32;
/// A letter outside ASCII.
const OTHER: u8 = 30;
const DIGIT: u8 = 64;

/// A word of a key.
#[derive(Clone, Copy, Default)]
struct Word {
    packed: u64,
    first: u32,
}

/// The words of a key; longer ones than matter come out as 0, numbers are passed over.
struct Words<'a> {
    rest: &'a [u8],
}

impl Iterator for Words<'_> {
    type Item = Word;

    #[inline]
    fn next(&mut self) -> Option<Word> {
        let mut word = Word::default();
        let mut length = 0u32;
        let mut before = 0u8;
        let class_of = |byte: u8| CLASSES.get(usize::from(byte)).copied().unwrap_or(0);
        while let Some((&byte, tail)) = self.rest.split_first() {
            let class = class_of(byte);
            if class & UPPER != 0 && length > 0 {
                let next = tail.first().map_or(0, |byte| class_of(*byte));
                // camelCase, and the last capital of a run belongs to the word behind it: APIKey.
                if before & UPPER == 0 || (1..=26).contains(&next) {
                    break;
                }
            }
            self.rest = tail;
            let letter = class & 31;
            if letter != 0 {
                if length == 0 {
                    word.first = u32::from(letter);
                }
                word.packed = word.packed << 5 | u64::from(letter);
                length += 1;
            } else if length > 0 && class != DIGIT {
                break;
            }
            before = class;
        }
        if length > 16 {
            word.packed = 0;
        }
        (length > 0).then_some(word)
    }
}

/// How the marks start that stand where a secret was.
pub(crate) const MARK: &[u8] = b"[REDACTED:";

/// True when the built-in list takes this for the name of a secret.
pub(crate) fn is_sensitive(key: &[u8]) -> bool {
    // A mark names the secret that it replaced; a key that held one is not sensitive for that.
    words_are_sensitive(key)
        && (!key.windows(MARK.len()).any(|part| part == MARK) || words_are_sensitive(&without_marks(key)))
}

fn without_marks(key: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = key;
    while let Some((byte, tail)) = rest.split_first() {
        let mark = rest.starts_with(MARK).then(|| rest.iter().position(|byte| *byte == b']')).flatten();
        if let Some(end) = mark {
            rest = rest.get(end + 1..).unwrap_or_default();
        } else {
            out.push(*byte);
            rest = tail;
        }
    }
    out
}

fn words_are_sensitive(key: &[u8]) -> bool {
    let (mut found, mut token) = (false, false);
    let (mut before, mut last) = (0, 0);
    for Word { packed: word, first } in (Words { rest: key }) {
        before = last;
        last = word;
        // Behind a token only its value may come: `token_count` is none.
        token = token && word == packed("value");
        if FIRST_LETTERS & 1 << first == 0 {
            continue;
        }
        for (_, says) in WORDS.iter().filter(|(known, _)| *known == word) {
            match says {
                Says::Secret => found = true,
                Says::After(words) => found |= words.contains(&before),
                Says::Token => token = !COUNTED.contains(&before),
            }
        }
    }
    (found || token) && !(before != 0 && ABOUT.contains(&last))
}

/// True when the value of such a name goes on to the end of its line, as headers do.
pub(crate) fn is_header(name: &[u8]) -> bool {
    let last = Words { rest: name }.last().unwrap_or_default();
    [packed("authorization"), packed("cookie")].contains(&last.packed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for key in [
            "password",
            "user.password",
            "PASSWORD",
            "dbPassword",
            "new_password2",
            "passwd",
            "db_pass",
            "secret",
            "client_secret",
            "clientSecret",
            "secrets",
            "token",
            "auth_token",
            "accessToken",
            "ACCESS_TOKEN",
            "x-auth-token",
            "token.value",
            "csrfToken",
            "id_token",
            "refresh_token",
            "api_key",
            "apiKey",
            "apikey",
            "X-API-Key",
            "APIKey",
            "openai.api_key",
            "OPENAI_API_KEY",
            "api_keys",
            "api_key_2",
            "private_key",
            "ssh.private.key",
            "aws_secret_access_key",
            "account_key",
            "authorization",
            "http.request.header.authorization",
            "Proxy-Authorization",
            "cookie",
            "http.response.header.set-cookie",
            "credentials",
            "gcp.credential",
            "jwt",
            "bearer",
            "card.number",
            "cvv",
            "db.connection_string",
            "auth_key",
            "[REDACTED:email].password",
            "[REDACTED:password",
            "session_key",
            "headers[authorization]",
        ] {
            assert!(KeyRules::attributes().matches(key), "{key}");
        }
    }

    #[test]
    fn names_that_only_look_like_it() {
        for key in [
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.output_tokens",
            "gen_ai.usage.cache_read.input_tokens",
            "spanloom.usage.total_tokens",
            "llm.token_count.prompt",
            "llm.token_count.completion_details.reasoning",
            "gen_ai.token.type",
            "gen_ai.request.max_tokens",
            "max_token",
            "time_to_first_token",
            "gen_ai.server.time_per_output_token",
            "eos_token",
            "next_page_token",
            "tokenizer",
            "tokenizer.name",
            "tokens",
            "token_limit",
            "token_usage",
            "secretary",
            "author",
            "authority",
            "oauth.scope",
            "key",
            "primary_key",
            "cache.key",
            "idempotency_key",
            "public_key",
            "keyboard",
            "session.id",
            "user.id",
            "passenger.count",
            "compass",
            "test.pass",
            "cookie_count",
            "password_length",
            "secret_name",
            "authorization.url",
            "token_type",
            "token.expires",
            "http.request.header.content-type",
            "sid",
            "connection.name",
            "[REDACTED:api_key]",
            "x.[REDACTED:secret].y",
            "phone.number",
            "string",
            "",
            "._-",
            "日本語",
        ] {
            assert!(!KeyRules::attributes().matches(key), "{key}");
        }
    }

    #[test]
    fn every_word_passes_the_first_letters() {
        for word in [
            "password",
            "authorization",
            "ssn",
            "number",
            "key",
            "token",
            "cookie",
            "bearer",
            "jwt",
            "refreshtoken",
        ] {
            assert!(FIRST_LETTERS & bit_of(word.chars().next().unwrap()) != 0, "{word}");
        }
        let first = |word: u64| 1 << (word >> (word.ilog2() / 5 * 5));
        for (word, _) in WORDS.iter().filter(|(word, _)| *word < 1 << 55) {
            assert!(FIRST_LETTERS & first(*word) != 0);
        }
    }

    #[test]
    fn dynamos_names() {
        for (key, expected) in [
            ("TOKENIZERS_PARALLELISM", true),
            ("NCCL_AUTHOR", true),
            ("DYN_secretsanta", true),
            ("DYN_my_password", true),
            ("x_toſecret", true),
            ("xſecret", true),
            ("DYN_KEY", false),
            ("DYN_ACCESS_KEY", false),
            ("HF_HOME", false),
        ] {
            assert_eq!(KeyRules::dynamo().matches(key), expected, "{key}");
        }
        assert!(KeyRules::dynamo_later().matches("aws_access_key"));
        assert_eq!(KeyRules::dynamo().replacement(), "<REDACTED>");
    }

    #[test]
    fn own_rules_add_and_take_away() {
        let rules = KeyRules::none().exact("iban").contains("internal").allow("internal.id");
        for (key, expected) in [
            ("iban", true),
            ("IBAN", false),
            ("my.Internal.x", true),
            ("internal.id", false),
            ("password", false),
        ] {
            assert_eq!(rules.matches(key), expected, "{key}");
        }
    }
}
