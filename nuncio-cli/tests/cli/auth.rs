//! Who to be: `--creds`, `--nkey`, contexts, and what keeps secrets on this machine.

use std::net::SocketAddr;
use std::time::SystemTime;

use nuncio::auth::Creds;
use nuncio::jwt::{Claims, UserClaims};
use nuncio::nkey::{KeyPair, Role};
use nuncio_server::Server;
use nuncio_testkit::{Authority, NatsServer};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::context::contexts;
use crate::{client, program, run};

#[tokio::test]
async fn a_key_in_a_file_lets_in() {
    let key = KeyPair::generate(Role::User).unwrap();
    let server = Server::builder().nkey(key.public_key()).start().await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), key.seed().expose()).unwrap();
    let path = file.path().to_str().unwrap();
    run(client(&server, &["rtt", "--nkey", path])).await.fine();
    let mut by_environment = client(&server, &["rtt"]);
    by_environment.env("NATS_NKEY", path).env("NATS_CREDS", "");
    run(by_environment).await.fine();
    run(client(&server, &["rtt"])).await.failed(5, &["refused"]);
}

#[tokio::test]
async fn credentials_that_cannot_be_had_are_told_with_their_file() {
    let server = Server::start().await.unwrap();
    let absent = run(client(&server, &["rtt", "--creds", "/nowhere/user.creds"])).await;
    absent.failed(5, &["/nowhere/user.creds", "No such file"]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "canary").unwrap();
    let path = file.path().to_str().unwrap();
    let bad = run(client(&server, &["rtt", "--creds", path])).await;
    bad.failed(5, &[path, "no JWT"]);
    assert!(!bad.stderr.contains("canary"));
}

/// A real server in operator mode, and the file of a user that may log in.
struct Operator {
    server: NatsServer,
    user: String,
}

impl Operator {
    async fn start() -> Self {
        let [operator, account, user] =
            [Role::Operator, Role::Account, Role::User].map(|role| KeyPair::generate(role).unwrap());
        let now = SystemTime::now();
        let claims = |name: &str, subject: String, nats: serde_json::Value| {
            let claims = Claims { name: name.into(), subject, expires: None, not_before: None, nats };
            claims.sign(&operator, now).unwrap().expose().to_owned()
        };
        let nats = json!({
            "limits": {
                "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
                "wildcards": true, "conn": -1, "leaf": -1,
            },
            "type": "account", "version": 2,
        });
        let config = format!(
            "operator: {}\nresolver: MEMORY\nresolver_preload: {{ {}: {} }}",
            claims("O", operator.public_key(), json!({"type": "operator", "version": 2})),
            account.public_key(),
            claims("A", account.public_key(), nats),
        );
        let server = NatsServer::builder().config(config).start().await.unwrap();
        let jwt = UserClaims::new("joe", user.public_key()).sign(&account, now).unwrap();
        let creds = Creds::new(jwt.expose(), Some(user)).unwrap();
        std::fs::write(server.dir().join("joe.creds"), creds.to_text().expose()).unwrap();
        let user = server.dir().join("joe.creds").to_str().unwrap().to_owned();
        Self { server, user }
    }
}

#[tokio::test]
async fn a_file_of_credentials_lets_in_by_flag_environment_and_context() {
    let op = Operator::start().await;
    let (url, user) = (op.server.url(), op.user.as_str());
    let here = |arguments: &[&str]| {
        let mut command = program(&["--timeout", "50s", "rtt", "--count", "1"]);
        command.args(arguments);
        command
    };
    run(here(&["--server", &url, "--creds", user])).await.fine();
    let mut by_environment = here(&["--server", &url]);
    by_environment.env("NATS_CREDS", user);
    run(by_environment).await.fine();
    run(here(&["--server", &url])).await.failed(5, &["refused"]);

    let dir = contexts(&[("op", json!({"url": url, "creds": "$NUNCIO_DIR/joe.creds"}).to_string())]);
    let by_context = |arguments: &[&str]| {
        let mut command = here(&["--context", "op"]);
        command.env("XDG_CONFIG_HOME", dir.path()).env("NUNCIO_DIR", op.server.dir()).args(arguments);
        command
    };
    run(by_context(&[])).await.fine();
    // Credentials that are given replace those of the context, which would have let in.
    run(by_context(&["--token", "x"])).await.failed(5, &["refused"]);
    run(by_context(&["--creds", "/nowhere/x.creds"])).await.failed(5, &["/nowhere/x.creds"]);
}

#[tokio::test]
async fn a_password_goes_to_no_other_machine_in_clear_text_unless_allowed() {
    let server = Server::builder().user("joe", "s3cr3t").start().await.unwrap();
    // A proxy is the way to another machine, as far as anybody can tell.
    let proxy = socks_to(server.addr().unwrap()).await;
    let far = |arguments: &[&str]| {
        let mut command =
            program(&["--timeout", "50s", "--server", "nats.example", "--socks-proxy", &proxy, "rtt"]);
        command.args(["--count", "1"]).env("NATS_USER", "joe").env("NATS_PASSWORD", "s3cr3t").args(arguments);
        command
    };
    let refused = run(far(&[])).await;
    refused.failed(5, &["nats.example:4222", "a password", "--allow-plaintext-auth"]);
    assert!(!refused.stderr.contains("s3cr3t"));
    run(far(&["--allow-plaintext-auth"])).await.fine();
}

#[tokio::test]
async fn a_password_goes_by_tls_to_another_machine_that_offers_it() {
    let files = tempfile::tempdir().unwrap();
    let authority = Authority::new("an authority of the tests").unwrap();
    let trusted = authority.write(files.path(), "ca").unwrap();
    let (cert, key) = authority.server(["nats.example"]).unwrap().write(files.path(), "server").unwrap();
    let config = format!(
        "tls {{ cert_file: {cert:?}, key_file: {key:?} }}\nallow_non_tls: true\n\
         authorization {{ user: joe, password: s3cr3t }}"
    );
    let server = NatsServer::builder().config(config).start().await.unwrap();
    let proxy = socks_to(server.addr().parse().unwrap()).await;
    let mut command =
        program(&["--timeout", "50s", "--server", "joe:s3cr3t@nats.example", "--socks-proxy", &proxy]);
    // In place of the authorities of this machine.
    command.env("SSL_CERT_FILE", trusted).env_remove("SSL_CERT_DIR").args(["rtt", "--count", "1"]);
    run(command).await.fine();
}

/// The URL of a SOCKS proxy that leads every connection to one server.
async fn socks_to(to: SocketAddr) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut io, _)) = listener.accept().await {
            tokio::spawn(async move {
                io.read_exact(&mut [0; 3]).await?;
                io.write_all(&[5, 0]).await?;
                let mut request = [0; 4 + 1 + "nats.example".len() + 2];
                io.read_exact(&mut request).await?;
                let mut inner = TcpStream::connect(to).await?;
                io.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
                copy_bidirectional(&mut io, &mut inner).await
            });
        }
    });
    format!("socks5://{addr}")
}
