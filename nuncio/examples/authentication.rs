//! Authentication: user and password, token, NKEY, JWT, credentials file, and a callback.
//!
//! A server has to know the users, so this one starts servers of its own; `NATS_URL` has no say here.

use std::error::Error;
use std::time::SystemTime;

use nuncio::auth::Creds;
use nuncio::jwt::UserClaims;
use nuncio::nkey::{KeyPair, Role};
use nuncio::{Auth, Connect};
use nuncio_server::Server;

async fn try_out(what: &str, connect: Connect) {
    match connect.await {
        Ok(nc) => {
            println!("{what}: welcome");
            nc.close().await;
        }
        Err(error) if error.is_auth() => println!("{what}: refused"),
        Err(error) => println!("{what}: {error}"),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::builder().user("derek", "s3cr3t").start().await?;
    let url = server.url();
    try_out("user and password", nuncio::connect(&url).user_and_password("derek", "s3cr3t")).await;
    let in_url = format!("nats://derek:s3cr3t@127.0.0.1:{}", server.port());
    try_out("the same in the URL", nuncio::connect(in_url)).await;
    try_out("another password", nuncio::connect(&url).user_and_password("derek", "guess")).await;
    try_out("nothing", nuncio::connect(&url)).await;

    let server = Server::builder().token("t0k3n").start().await?;
    try_out("token", nuncio::connect(server.url()).token("t0k3n")).await;

    // A key: the seed stays here, the server gets the public key and a signature.
    let user = KeyPair::generate(Role::User)?;
    let seed = user.seed();
    let server = Server::builder().nkey(user.public_key()).start().await?;
    let url = server.url();
    try_out("NKEY", nuncio::connect(&url).auth(Auth::nkey(seed.expose()))).await;

    // A user JWT, issued by the key of an account, with the seed of the user's key. (The server in this process looks
    // at the signature alone, a nats-server in operator mode at the JWT too.)
    let account = KeyPair::generate(Role::Account)?;
    let jwt = UserClaims::new("derek", user.public_key()).sign(&account, SystemTime::now())?;
    try_out("JWT", nuncio::connect(&url).auth(Auth::jwt(jwt.expose(), seed.expose()))).await;

    // Both in one text, as in a credentials file; `Auth::creds_file` reads one anew for each connection.
    let creds = Creds::new(jwt.expose(), Some(user))?.to_text();
    try_out("credentials", nuncio::connect(&url).auth(Auth::creds(creds.expose()))).await;
    try_out("no credentials at all", nuncio::connect(&url).auth(Auth::creds("-----BEGIN"))).await;

    // Asked for each connection, with what the server wants signed; it may fetch from wherever secrets are kept.
    let vault = Auth::callback(move |challenge| {
        let creds = creds.clone();
        async move { Ok(challenge.creds(creds.expose())?) }
    });
    try_out("callback", nuncio::connect(&url).auth(vault)).await;
    Ok(())
}
