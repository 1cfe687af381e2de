//! Unix sockets.

use std::io::ErrorKind;
use std::path::PathBuf;

use nuncio::ConnectError;
use nuncio_server::Server;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpStream, UnixListener};

use crate::support::*;

/// A Unix socket in front of a TCP port.
pub(crate) struct Socket {
    dir: PathBuf,
}

impl Socket {
    pub(crate) async fn to(addr: String) -> Socket {
        let dir = std::env::temp_dir().join(format!("nuncio {}", nuncio::nuid()));
        std::fs::create_dir(&dir).unwrap();
        let socket = Socket { dir };
        let listener = UnixListener::bind(socket.path()).unwrap();
        tokio::spawn(async move {
            while let Ok((mut outer, _)) = listener.accept().await {
                let addr = addr.clone();
                tokio::spawn(async move {
                    let mut inner = TcpStream::connect(addr).await?;
                    copy_bidirectional(&mut outer, &mut inner).await
                });
            }
        });
        socket
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.join("nats.sock")
    }

    fn url(&self) -> String {
        format!("unix://{}", self.path().display().to_string().replace(' ', "%20"))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

async fn behind_a_socket(server: &Server) -> Socket {
    Socket::to(server.addr().unwrap().to_string()).await
}

#[tokio::test]
async fn a_socket_is_reached_by_its_url() {
    let server = Server::start().await.unwrap();
    let socket = behind_a_socket(&server).await;
    let nc = connect(socket.url()).await.unwrap();
    works(&nc).await;
    let mut events = nc.events();
    let mut sub = nc.subscribe("s").await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(reconnected(&mut events).await, format!("unix://{}", socket.path().display()));
    nc.publish("s", "again").await.unwrap();
    assert_eq!(next(&mut sub).await.payload(), b"again".as_slice());
}

#[tokio::test]
async fn credentials_of_a_sockets_url_are_used() {
    let server = Server::builder().user("me", "p@ss").start().await.unwrap();
    let socket = behind_a_socket(&server).await;
    assert!(connect(socket.url()).await.unwrap_err().is_auth());
    works(&connect(socket.url().replace("unix://", "unix://me:p%40ss@")).await.unwrap()).await;
}

#[tokio::test]
async fn a_socket_is_reached_by_the_connector_whatever_the_address() {
    let server = Server::start().await.unwrap();
    let socket = behind_a_socket(&server).await;
    let connector = nuncio::connector::unix(socket.path());
    works(&connect("nats://no.such.host").connector(connector).await.unwrap()).await;
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_named() {
    let error = connect("unix:///no/such.sock").await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::Io { kind: ErrorKind::NotFound, server, .. } if server == "unix:///no/such.sock"),
        "{error:?}"
    );
}
