//! Credentials files: a user JWT and the seed of its key, each between lines of dashes.

use std::str;

use crate::auth::jwt::{JwtError, UserClaims};
use crate::auth::nkey::{KeyPair, NkeyError, Role};
use crate::secret::Secret;

/// The largest credentials that are read, in bytes.
pub const MAX_CREDS: usize = 64 * 1024;

/// Credentials cannot be used. It never holds any of their text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredsError {
    /// There is more than credentials can have.
    #[error("credentials have at most 65536 bytes")]
    TooLarge,
    /// It is not text.
    #[error("the credentials are not text in UTF-8")]
    NotText,
    /// There is no JWT.
    #[error("the credentials have no JWT between lines like -----BEGIN NATS USER JWT----- and ------END…")]
    NoJwt,
    /// There is no seed, and the JWT cannot do without.
    #[error("the credentials have no seed between lines like -----BEGIN USER NKEY SEED----- and ------END…")]
    NoSeed,
    /// A block begins and does not end.
    #[error("a block of the credentials has no line like ------END…")]
    Unfinished,
    /// The JWT cannot be read.
    #[error("the JWT of the credentials: {0}")]
    Jwt(JwtError),
    /// The seed cannot be read.
    #[error("the seed of the credentials: {0}")]
    Seed(NkeyError),
}

impl From<JwtError> for CredsError {
    fn from(error: JwtError) -> CredsError {
        CredsError::Jwt(error)
    }
}

impl From<NkeyError> for CredsError {
    fn from(error: NkeyError) -> CredsError {
        CredsError::Seed(error)
    }
}

/// A user JWT and the key that proves it is one's own.
///
/// ```
/// use std::time::SystemTime;
/// use nuncio_proto::auth::creds::Creds;
/// use nuncio_proto::auth::jwt::UserClaims;
/// use nuncio_proto::auth::nkey::{KeyPair, Role};
///
/// let (account, user) = (KeyPair::generate(Role::Account)?, KeyPair::generate(Role::User)?);
/// let jwt = UserClaims::new("demo", user.public_key()).sign(&account, SystemTime::now())?;
/// let text = Creds::new(jwt.expose(), Some(user))?.to_text();
/// let creds = Creds::parse(text.expose().as_bytes())?;
/// assert_eq!(creds.claims().name, "demo");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Creds {
    jwt: Secret,
    claims: UserClaims,
    key: Option<KeyPair>,
}

impl Creds {
    /// Joins a JWT and its key, which only a bearer JWT can do without.
    ///
    /// # Errors
    ///
    /// [`CredsError`]: the JWT cannot be read, or it needs a key and there is none.
    pub fn new(jwt: &str, key: Option<KeyPair>) -> Result<Creds, CredsError> {
        let jwt = jwt.trim();
        let claims = UserClaims::decode(jwt)?;
        if key.is_none() && !claims.bearer {
            return Err(CredsError::NoSeed);
        }
        Ok(Creds { jwt: Secret::new(jwt), claims, key })
    }

    /// Reads the text of a credentials file.
    ///
    /// Lines may be indented and end in CRLF, the armour may have any number of dashes from three on, and text around
    /// the two blocks is ignored.
    ///
    /// # Errors
    ///
    /// [`CredsError`]: what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Creds, CredsError> {
        let blocks = Blocks::read(text)?;
        let jwt = blocks.jwt.ok_or(CredsError::NoJwt)?;
        let key = blocks.seed.map(|seed| KeyPair::from_seed_of(Role::User, seed.expose())).transpose()?;
        Creds::new(jwt.expose(), key)
    }

    /// The JWT.
    pub fn jwt(&self) -> &Secret {
        &self.jwt
    }

    /// What the JWT says; it is not verified.
    pub fn claims(&self) -> &UserClaims {
        &self.claims
    }

    /// The key; only a bearer JWT can do without.
    pub fn key(&self) -> Option<&KeyPair> {
        self.key.as_ref()
    }

    /// The text of a credentials file.
    pub fn to_text(&self) -> Secret {
        let jwt = self.jwt.expose();
        let seed = self.key.as_ref().map(KeyPair::seed);
        let mut text = String::with_capacity(jwt.len() + 512);
        text.push_str("-----BEGIN NATS USER JWT-----\n");
        text.push_str(jwt);
        text.push_str("\n------END NATS USER JWT------\n");
        if let Some(seed) = &seed {
            text.push_str("\n************************* IMPORTANT *************************\n");
            text.push_str("NKEY Seed printed below can be used to sign and prove identity.\n");
            text.push_str("NKEYs are sensitive and should be treated as secrets.\n\n");
            text.push_str("-----BEGIN USER NKEY SEED-----\n");
            text.push_str(seed.expose());
            text.push_str("\n------END USER NKEY SEED------\n\n");
            text.push_str("*************************************************************\n");
        }
        Secret::new(text)
    }
}

/// Reads the seed of a user from a file: bare, or between lines of dashes.
///
/// # Errors
///
/// [`CredsError`]: there is none, or it cannot be read.
pub fn parse_seed(text: &[u8]) -> Result<KeyPair, CredsError> {
    let bare = |text: &str| text.lines().map(str::trim).find(|line| line.starts_with("SU")).map(Secret::new);
    let seed = match Blocks::read(text)?.seed {
        Some(seed) => seed,
        None => str::from_utf8(text).ok().and_then(bare).ok_or(CredsError::NoSeed)?,
    };
    Ok(KeyPair::from_seed_of(Role::User, seed.expose())?)
}

/// What stands between the lines of dashes.
#[derive(Default)]
struct Blocks {
    jwt: Option<Secret>,
    seed: Option<Secret>,
}

impl Blocks {
    fn read(text: &[u8]) -> Result<Blocks, CredsError> {
        if text.len() > MAX_CREDS {
            return Err(CredsError::TooLarge);
        }
        let text = str::from_utf8(text).map_err(|_| CredsError::NotText)?;
        let mut blocks = Blocks::default();
        let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        while let Some(line) = lines.next() {
            let Some(label) = armour(line) else { continue };
            // So that nothing is copied about: a secret never grows.
            let mut content = String::with_capacity(text.len());
            let ended = lines.by_ref().any(|line| {
                let end = armour(line).is_some();
                if !end {
                    content.push_str(line);
                }
                end
            });
            let content = Secret::new(content);
            if !ended {
                return Err(CredsError::Unfinished);
            }
            let is_seed = label.contains("SEED") || label.contains("NKEY");
            let place = if is_seed || (blocks.jwt.is_some() && !label.contains("JWT")) {
                &mut blocks.seed
            } else {
                &mut blocks.jwt
            };
            // The first of each kind counts.
            if place.is_none() && !content.is_empty() {
                *place = Some(content);
            }
        }
        Ok(blocks)
    }
}

/// What stands between the dashes of a line like `-----BEGIN NATS USER JWT-----`.
fn armour(line: &str) -> Option<&str> {
    let label = line.strip_prefix("---")?.strip_suffix("---")?.trim_matches('-').trim();
    (!label.is_empty()).then_some(label)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    struct Sample {
        user: String,
        jwt: Secret,
        text: String,
    }

    fn sample() -> Sample {
        let account = KeyPair::generate(Role::Account).unwrap();
        let user = KeyPair::generate(Role::User).unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let jwt = UserClaims::new("me", user.public_key()).sign(&account, now).unwrap();
        let public = user.public_key();
        let text = Creds::new(jwt.expose(), Some(user)).unwrap().to_text().expose().to_owned();
        Sample { user: public, jwt, text }
    }

    fn reads(sample: &Sample, text: &str) {
        let creds = Creds::parse(text.as_bytes()).unwrap();
        assert_eq!(creds.jwt(), &sample.jwt);
        assert_eq!(creds.key().unwrap().public_key(), sample.user);
        assert_eq!(creds.claims().subject, sample.user);
        assert_eq!(parse_seed(text.as_bytes()).unwrap().public_key(), sample.user);
    }

    #[test]
    fn what_is_written_is_read() {
        let sample = sample();
        reads(&sample, &sample.text);
    }

    #[test]
    fn indentation_line_ends_and_dashes_do_not_matter() {
        let sample = sample();
        reads(&sample, &sample.text.replace('\n', "\r\n"));
        reads(&sample, &sample.text.replace('\n', "\n    "));
        reads(&sample, &sample.text.replace('\n', "\r\n\t "));
        reads(&sample, &sample.text.replace('\n', "\n\n"));
        reads(&sample, &sample.text.replace("-----", "---"));
        reads(&sample, &sample.text.replace("-----", "---------"));
        reads(&sample, &format!("\u{feff}{}", sample.text));
        reads(&sample, sample.text.trim_end());
    }

    #[test]
    fn labels_other_than_the_usual_go_by_their_order() {
        let sample = sample();
        let text = sample.text.replace("NATS USER JWT", "ONE").replace("USER NKEY SEED", "TWO");
        reads(&sample, &text);
    }

    #[test]
    fn what_is_missing_is_named() {
        let sample = sample();
        let error = |text: &str| Creds::parse(text.as_bytes()).unwrap_err();
        let (jwt, seed) = sample.text.split_once("*** IMPORTANT").unwrap();
        assert_eq!(error(""), CredsError::NoJwt);
        assert_eq!(error("hello"), CredsError::NoJwt);
        assert_eq!(error(seed), CredsError::NoJwt);
        assert_eq!(error(jwt), CredsError::NoSeed);
        assert_eq!(error(sample.text.split_once("------END USER").unwrap().0), CredsError::Unfinished);
        assert_eq!(Creds::parse(b"\xff").unwrap_err(), CredsError::NotText);
        assert_eq!(error(&" ".repeat(MAX_CREDS + 1)), CredsError::TooLarge);
        assert_eq!(error(&sample.text.replacen("\neyJ", "\nabc", 1)), CredsError::Jwt(JwtError::Malformed));
        let wrong = error(&sample.text.replace("\nSU", "\nSA"));
        assert!(matches!(wrong, CredsError::Seed(NkeyError::Checksum)), "{wrong:?}");
    }

    #[test]
    fn a_bearer_jwt_needs_no_seed() {
        let account = KeyPair::generate(Role::Account).unwrap();
        let user = KeyPair::generate(Role::User).unwrap();
        let mut claims = UserClaims::new("me", user.public_key());
        claims.bearer = true;
        let jwt = claims.sign(&account, SystemTime::UNIX_EPOCH).unwrap();
        let text = Creds::new(jwt.expose(), None).unwrap().to_text();
        assert!(Creds::parse(text.expose().as_bytes()).unwrap().key().is_none());
    }

    #[test]
    fn a_seed_file_may_be_bare() {
        let user = KeyPair::generate(Role::User).unwrap();
        let text = format!("# the key of demo\r\n  {}\r\n", user.seed().expose());
        assert_eq!(parse_seed(text.as_bytes()).unwrap().public_key(), user.public_key());
        assert_eq!(parse_seed(b"nothing").unwrap_err(), CredsError::NoSeed);
    }

    #[test]
    fn debug_shows_neither_jwt_nor_seed() {
        let sample = sample();
        let creds = Creds::parse(sample.text.as_bytes()).unwrap();
        let shown = format!("{creds:?} {:?}", creds.to_text());
        assert!(!shown.contains(sample.jwt.expose()));
        assert!(!shown.contains(creds.key().unwrap().seed().expose()));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(text in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = Creds::parse(&text);
            let _ = parse_seed(&text);
        }

        #[test]
        fn no_mixture_of_lines_makes_it_panic(lines in proptest::collection::vec("(---+[A-Z ]{0,9}---+|eyJ.*|SU[A-Z2-7]{56}|.*)", 0..8)) {
            let text = lines.join("\r\n");
            let _ = Creds::parse(text.as_bytes());
            let _ = parse_seed(text.as_bytes());
        }
    }
}
