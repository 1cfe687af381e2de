//! NKEYs: Ed25519 keys written as text, of which the server only ever sees the public half.
//!
//! A seed begins with `S` and the letter of its role (`SU…` for a user), a public key with that letter; both are
//! base32 with a CRC-16 at the end.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// The shortest nonce that is signed, in bytes: nothing that short can be anything else of use.
pub const MIN_NONCE: usize = 11;
/// The longest nonce that is signed, in bytes: a server must not get text of its own choice signed in bulk.
pub const MAX_NONCE: usize = 1024;

const SEED: u8 = 18 << 3;
const SEED_TEXT: usize = 58;
const SEED_RAW: usize = 36;
const PUBLIC_TEXT: usize = 56;
const PUBLIC_RAW: usize = 35;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Signs accounts; `O`.
    Operator,
    /// Signs users; `A`.
    Account,
    /// A client; `U`.
    User,
    /// A server; `N`.
    Server,
    /// A cluster of servers; `C`.
    Cluster,
}

impl Role {
    const ALL: [Role; 5] = [Role::Operator, Role::Account, Role::User, Role::Server, Role::Cluster];

    fn prefix(self) -> u8 {
        match self {
            Role::Operator => 14 << 3,
            Role::Account => 0,
            Role::User => 20 << 3,
            Role::Server => 13 << 3,
            Role::Cluster => 2 << 3,
        }
    }

    fn of(prefix: u8) -> Option<Role> {
        Self::ALL.into_iter().find(|role| role.prefix() == prefix)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Operator => "operator",
            Role::Account => "account",
            Role::User => "user",
            Role::Server => "server",
            Role::Cluster => "cluster",
        })
    }
}

/// A text is not the key that it should be. It never holds any of that text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NkeyError {
    /// It has the wrong length.
    #[error("a key of this kind has {expected} characters, not {found}")]
    Length {
        /// What it would have to be.
        expected: usize,
        /// What it is.
        found: usize,
    },
    /// It is not base32.
    #[error("the key is not base32 (A-Z, 2-7)")]
    Encoding,
    /// Its checksum is wrong.
    #[error("the checksum of the key is wrong: it was cut or mistyped")]
    Checksum,
    /// It is something else than a seed.
    #[error("the key is not a seed: those begin with S, as in SU… for a user")]
    NotASeed,
    /// It is for something that is not known, or no valid key.
    #[error("the key is not one of an operator, account, user, server or cluster")]
    Unknown,
    /// It is for something else than what it is used for.
    #[error("this is the key of {found}, where that of {expected} is needed")]
    Role {
        /// The role that is needed.
        expected: Role,
        /// The role that it has.
        found: Role,
    },
    /// The operating system gave no randomness for a new key.
    #[error("the operating system gives no randomness for a new key")]
    Randomness,
}

/// A nonce that cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NonceError {
    /// The server sent none.
    #[error("the server sent no nonce to sign: it is not configured for keys or JWTs")]
    Missing,
    /// It has a length that no nonce has.
    #[error("the server's nonce has {found} bytes; one of 11 to 1024 is signed")]
    Length {
        /// Its length.
        found: usize,
    },
}

/// A private key with its public half.
///
/// The key is overwritten in memory when it is dropped; `Debug` shows the public half.
///
/// ```
/// use nuncio_proto::auth::nkey::{KeyPair, PublicKey, Role};
///
/// let user = KeyPair::generate(Role::User)?;
/// assert!(user.seed().expose().starts_with("SU"));
/// let public: PublicKey = user.public_key().parse()?;
/// assert!(public.verify(b"hello", &user.sign(b"hello")));
/// # Ok::<(), nuncio_proto::auth::nkey::NkeyError>(())
/// ```
pub struct KeyPair {
    role: Role,
    key: SigningKey,
}

impl KeyPair {
    /// Makes a new key from the operating system's randomness.
    ///
    /// # Errors
    ///
    /// [`NkeyError::Randomness`].
    pub fn generate(role: Role) -> Result<KeyPair, NkeyError> {
        let mut seed = Zeroizing::new([0u8; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(|_| NkeyError::Randomness)?;
        Ok(KeyPair { role, key: SigningKey::from_bytes(&seed) })
    }

    /// Reads a seed; white space around it is ignored.
    ///
    /// # Errors
    ///
    /// [`NkeyError`]: what is wrong with it.
    pub fn from_seed(seed: &str) -> Result<KeyPair, NkeyError> {
        let raw = Zeroizing::new(decode::<SEED_RAW>(seed.trim(), SEED_TEXT)?);
        let [first, second, seed @ .., _, _] = &*raw;
        if first & 0xf8 != SEED {
            return Err(NkeyError::NotASeed);
        }
        let role = Role::of(((first & 7) << 5) | (second >> 3)).ok_or(NkeyError::Unknown)?;
        Ok(KeyPair { role, key: SigningKey::from_bytes(seed) })
    }

    /// As [`from_seed`](Self::from_seed), for a key that has to be for that role.
    ///
    /// # Errors
    ///
    /// [`NkeyError`]; [`NkeyError::Role`] if the key is for another one.
    pub fn from_seed_of(expected: Role, seed: &str) -> Result<KeyPair, NkeyError> {
        KeyPair::from_seed(seed)?.expect_role(expected)
    }

    fn expect_role(self, expected: Role) -> Result<KeyPair, NkeyError> {
        let found = self.role;
        if found == expected { Ok(self) } else { Err(NkeyError::Role { expected, found }) }
    }

    /// What the key is for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The seed, which is the secret.
    pub fn seed(&self) -> Secret {
        let prefix = self.role.prefix();
        let mut raw = Zeroizing::new(Vec::with_capacity(SEED_RAW));
        raw.extend_from_slice(&[SEED | (prefix >> 5), prefix << 3]);
        raw.extend_from_slice(self.key.as_bytes());
        Secret::new(encode(&mut raw))
    }

    /// The public key, as it stands in a server's configuration or in a JWT.
    pub fn public_key(&self) -> String {
        PublicKey { role: self.role, key: self.key.verifying_key() }.to_string()
    }

    /// Signs bytes.
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.key.sign(bytes).to_bytes()
    }

    /// Signs a server's nonce: the `sig` of `CONNECT`, in base64url without padding.
    ///
    /// # Errors
    ///
    /// [`NonceError`]: there is none, or what the server sent cannot be one.
    pub fn sign_nonce(&self, nonce: Option<&str>) -> Result<Secret, NonceError> {
        let nonce = nonce.filter(|nonce| !nonce.is_empty()).ok_or(NonceError::Missing)?;
        if !(MIN_NONCE..=MAX_NONCE).contains(&nonce.len()) {
            return Err(NonceError::Length { found: nonce.len() });
        }
        Ok(Secret::new(BASE64URL_NOPAD.encode(&self.sign(nonce.as_bytes()))))
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyPair").field(&self.public_key()).finish()
    }
}

/// The public half of a key. It is read with `parse` and written with `to_string`.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    role: Role,
    key: VerifyingKey,
}

impl PublicKey {
    /// What the key is for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether the private half has signed these bytes.
    pub fn verify(&self, bytes: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(bytes, &signature).is_ok())
    }

    /// As [`verify`](Self::verify), for the `sig` of a `CONNECT`.
    pub fn verify_nonce(&self, nonce: &str, sig: &str) -> bool {
        let sig = sig.trim_end_matches('=').as_bytes();
        BASE64URL_NOPAD.decode(sig).is_ok_and(|signature| self.verify(nonce.as_bytes(), &signature))
    }
}

impl FromStr for PublicKey {
    type Err = NkeyError;

    fn from_str(text: &str) -> Result<PublicKey, NkeyError> {
        let raw = decode::<PUBLIC_RAW>(text.trim(), PUBLIC_TEXT)?;
        let [prefix, key @ .., _, _] = &raw;
        let role = Role::of(*prefix).ok_or(NkeyError::Unknown)?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| NkeyError::Unknown)?;
        Ok(PublicKey { role, key })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut raw = Vec::with_capacity(PUBLIC_RAW);
        raw.push(self.role.prefix());
        raw.extend_from_slice(self.key.as_bytes());
        f.write_str(&encode(&mut raw))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

fn encode(raw: &mut Vec<u8>) -> String {
    let crc = crc16(raw);
    raw.extend_from_slice(&crc.to_le_bytes());
    BASE32_NOPAD.encode(raw)
}

/// Decodes base32 and checks the checksum, leaving no copy of it behind.
fn decode<const N: usize>(text: &str, expected: usize) -> Result<[u8; N], NkeyError> {
    if text.len() != expected {
        return Err(NkeyError::Length { expected, found: text.len() });
    }
    let mut raw = Zeroizing::new([0u8; N]);
    // The decoder's own error would name a character of the secret.
    match BASE32_NOPAD.decode_mut(text.as_bytes(), raw.as_mut_slice()) {
        Ok(n) if n == N => {}
        _ => return Err(NkeyError::Encoding),
    }
    let Some((body, crc)) = raw.split_last_chunk::<2>() else { return Err(NkeyError::Encoding) };
    if crc16(body) != u16::from_le_bytes(*crc) {
        return Err(NkeyError::Checksum);
    }
    Ok(*raw)
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // A pair that another implementation made.
    const ACCOUNT_SEED: &str = "SAAPN4W3EG6KCJGUQTKTJ5GSB5NHK5CHAJL4DBGFUM3HHROI4XUEP4OBK4";
    const ACCOUNT: &str = "ACODERUVFFAWZQDSS6SBIACUA5O6SXF7HJ3YTYXBALHZP3P7R4BUO4J2";

    #[test]
    fn a_seed_gives_the_public_key_that_others_compute() {
        let pair = KeyPair::from_seed(ACCOUNT_SEED).unwrap();
        assert_eq!(pair.role(), Role::Account);
        assert_eq!(pair.public_key(), ACCOUNT);
        assert_eq!(pair.seed().expose(), ACCOUNT_SEED);
        assert_eq!(ACCOUNT.parse::<PublicKey>().unwrap().to_string(), ACCOUNT);
    }

    #[test]
    fn every_role_survives_the_way_through_text() {
        for (role, letter) in Role::ALL.into_iter().zip(["O", "A", "U", "N", "C"]) {
            let pair = KeyPair::generate(role).unwrap();
            assert!(pair.public_key().starts_with(letter));
            assert!(pair.seed().expose().starts_with(&format!("S{letter}")));
            let again = KeyPair::from_seed(&format!(" \t{}\r\n", pair.seed().expose())).unwrap();
            assert_eq!((again.role(), again.public_key()), (role, pair.public_key()));
        }
    }

    #[test]
    fn what_is_no_seed_is_refused_for_its_reason() {
        let error = |text: &str| KeyPair::from_seed(text).unwrap_err();
        assert_eq!(error(""), NkeyError::Length { expected: 58, found: 0 });
        assert_eq!(error(ACCOUNT), NkeyError::Length { expected: 58, found: 56 });
        assert_eq!(error(&ACCOUNT_SEED.to_lowercase()), NkeyError::Encoding);
        assert_eq!(error(&ACCOUNT_SEED.replace("PN4W", "PN5W")), NkeyError::Checksum);
        assert_eq!(error(&"A".repeat(58)), NkeyError::NotASeed);
        let found = Role::Account;
        let of = KeyPair::from_seed_of(Role::User, ACCOUNT_SEED).unwrap_err();
        assert_eq!(of, NkeyError::Role { expected: Role::User, found });
    }

    #[test]
    fn what_is_no_public_key_is_refused_for_its_reason() {
        let error = |text: &str| text.parse::<PublicKey>().unwrap_err();
        assert_eq!(error(ACCOUNT_SEED), NkeyError::Length { expected: 56, found: 58 });
        assert_eq!(error(&ACCOUNT.replace("ACOD", "ACOE")), NkeyError::Checksum);
    }

    #[test]
    fn a_signature_holds_for_its_nonce_and_its_key_alone() {
        let (user, other) = (KeyPair::generate(Role::User).unwrap(), KeyPair::generate(Role::User).unwrap());
        let sig = user.sign_nonce(Some("abcdefghijklmno")).unwrap();
        assert!(!sig.expose().contains('='));
        let public: PublicKey = user.public_key().parse().unwrap();
        assert!(public.verify_nonce("abcdefghijklmno", sig.expose()));
        assert!(!public.verify_nonce("abcdefghijklmnp", sig.expose()));
        assert!(!public.verify_nonce("abcdefghijklmno", "AAAA"));
        let other: PublicKey = other.public_key().parse().unwrap();
        assert!(!other.verify_nonce("abcdefghijklmno", sig.expose()));
    }

    #[test]
    fn only_what_may_be_a_nonce_is_signed() {
        let user = KeyPair::generate(Role::User).unwrap();
        let sign = |len: usize| user.sign_nonce(Some(&"n".repeat(len))).map(drop);
        assert_eq!(user.sign_nonce(None).map(drop), Err(NonceError::Missing));
        assert_eq!(sign(0), Err(NonceError::Missing));
        assert_eq!(sign(10), Err(NonceError::Length { found: 10 }));
        assert_eq!(sign(11), Ok(()));
        assert_eq!(sign(1024), Ok(()));
        assert_eq!(sign(1025), Err(NonceError::Length { found: 1025 }));
    }

    #[test]
    fn neither_debug_nor_errors_show_a_seed() {
        let pair = KeyPair::from_seed(ACCOUNT_SEED).unwrap();
        assert_eq!(format!("{pair:?}"), format!("KeyPair({ACCOUNT:?})"));
        let broken = ACCOUNT_SEED.replace("PN4W", "PN5W");
        let error = KeyPair::from_seed(&broken).unwrap_err();
        for shown in [format!("{error}"), format!("{error:?}")] {
            assert!(!shown.contains("PN5W"), "{shown}");
        }
    }
}
