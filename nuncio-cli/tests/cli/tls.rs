//! TLS, against a real server.

use std::path::{Path, PathBuf};

use nuncio_testkit::{Authority, NatsServer, Readiness};
use tempfile::TempDir;
use tokio::process::Command;

use crate::{program, run};

/// A server that wants TLS and a certificate of its clients, and the files for both sides.
struct Rig {
    server: NatsServer,
    files: TempDir,
}

impl Rig {
    async fn new(settings: &str) -> Rig {
        let files = tempfile::tempdir().unwrap();
        let authority = Authority::new("an authority of the tests").unwrap();
        authority.write(files.path(), "ca").unwrap();
        authority.server(["127.0.0.1"]).unwrap().write(files.path(), "server").unwrap();
        authority.client("joe").unwrap().write(files.path(), "client").unwrap();
        let dir = files.path().display();
        let config = format!(
            "tls {{ cert_file: \"{dir}/server.pem\", key_file: \"{dir}/server-key.pem\", ca_file: \"{dir}/ca.pem\"\n \
             verify: true, timeout: 10\n {settings} }}"
        );
        let mut builder = NatsServer::builder().config(config);
        if settings.contains("handshake_first") {
            builder = builder.readiness(Readiness::Healthz);
        }
        Rig { server: builder.start().await.unwrap(), files }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn client(&self, arguments: &[&str]) -> Command {
        let mut command = program(&["--timeout", "50s"]);
        command.env("NATS_URL", self.server.url()).args(arguments);
        command
    }

    /// With the files named by flags, but for those of them that are left out.
    fn flags(&self, without: &str, arguments: &[&str]) -> Command {
        let mut command = self.client(arguments);
        let all = [("--tlsca", "ca.pem"), ("--tlscert", "client.pem"), ("--tlskey", "client-key.pem")];
        for (flag, name) in all.into_iter().filter(|(flag, _)| !without.contains(flag)) {
            command.arg(flag).arg(self.file(name));
        }
        command
    }
}

#[tokio::test]
async fn authority_and_certificate_are_named_by_flags_or_by_the_environment() {
    let rig = Rig::new("").await;
    run(rig.flags("", &["rtt", "--count", "1"])).await.fine();
    let mut by_environment = rig.client(&["rtt", "--count", "1"]);
    for (variable, name) in
        [("NATS_CA", "ca.pem"), ("NATS_CERT", "client.pem"), ("NATS_KEY", "client-key.pem")]
    {
        by_environment.env(variable, rig.file(name));
    }
    run(by_environment).await.fine();
}

#[tokio::test]
async fn what_is_missing_is_told_by_its_flag() {
    let rig = Rig::new("").await;
    run(rig.flags("--tlscert --tlskey", &["rtt"])).await.failed(5, &["--tlscert and --tlskey"]);
    run(rig.flags("--tlskey", &["rtt"])).await.failed(2, &["--tlscert needs --tlskey"]);
    run(rig.flags("--tlscert", &["rtt"])).await.failed(2, &["--tlskey needs --tlscert"]);
    run(rig.flags("--tlsca", &["rtt", "--tlsca", "/nowhere/ca.pem"])).await.failed(5, &["/nowhere/ca.pem"]);
    // An authority of the machine is not that of the test.
    let stranger = run(rig.flags("--tlsca", &["rtt"])).await;
    stranger.failed(5, &["--tlsca"]);
    let plain = NatsServer::start().await.unwrap();
    let mut wanted = rig.flags("", &["rtt"]);
    wanted.env("NATS_URL", plain.url());
    run(wanted).await.failed(5, &["TLS is wanted"]);
}

#[tokio::test]
async fn the_handshake_may_come_first() {
    let rig = Rig::new("handshake_first: true").await;
    run(rig.flags("", &["rtt", "--count", "1", "--tlsfirst"])).await.fine();
}

/// The context `it` with these options, in a directory for the home and the configuration of a user.
fn home(json: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let files = home.path().join(".config/nats/context");
    std::fs::create_dir_all(&files).unwrap();
    std::fs::write(files.join("it.json"), json).unwrap();
    home
}

fn at_home(home: &Path, arguments: &[&str]) -> Command {
    let mut command = program(&["--timeout", "50s", "--context", "it"]);
    command.env_remove("XDG_CONFIG_HOME").env("HOME", home).args(arguments);
    command
}

#[tokio::test]
async fn a_context_names_the_files_and_flags_replace_them() {
    let rig = Rig::new("").await;
    let json = format!(
        r#"{{"url":"{}","ca":"$FILES/ca.pem","cert":"~/client.pem","key":"${{FILES}}/client-key.pem"}}"#,
        rig.server.url()
    );
    let home = home(&json);
    std::fs::copy(rig.file("client.pem"), home.path().join("client.pem")).unwrap();
    let mut command = at_home(home.path(), &["rtt", "--count", "1"]);
    command.env("FILES", rig.files.path());
    run(command).await.fine();
    run(at_home(home.path(), &["rtt"])).await.failed(2, &["\"ca\"", "$FILES is not set"]);
    // With flags for all of them, the context's are not even looked at.
    let mut flags = rig.flags("", &["--context", "it", "rtt", "--count", "1"]);
    flags.env_remove("XDG_CONFIG_HOME").env("HOME", home.path());
    run(flags).await.fine();
}
