//! Who a client is: keys, credentials files and user JWTs.

pub mod creds;
pub mod jwt;
pub mod nkey;
