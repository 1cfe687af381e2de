//! How far long commands are, on a terminal.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::stream::{fine, orders};
use crate::{finish, of, run};

/// Runs a command with a terminal as its stderr, and tells what it drew there.
async fn drawn(mut command: tokio::process::Command) -> (crate::Ran, String) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let master = openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let terminal = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    command.env("TERM", "xterm").stderr(Stdio::from(terminal));
    let child = command.spawn().unwrap();
    // The command holds an end of the terminal.
    drop(command);
    let reader = tokio::task::spawn_blocking(move || {
        let (mut text, mut master) = (Vec::new(), File::from(master));
        // The end is an error on Linux.
        let _ = master.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let ran = finish(child).await;
    (ran, crate::within(reader).await.unwrap())
}

#[tokio::test]
async fn long_work_is_drawn_on_a_terminal_and_taken_from_it_at_the_end() {
    let server = orders().await;
    fine(&server, &["consumer", "add", "ORDERS", "C"]).await;
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("b");
    let path = dir.to_str().unwrap();
    for (arguments, words) in [
        (&["stream", "backup", "ORDERS", path][..], "saving stream \"ORDERS\""),
        (&["stream", "restore", path, "--as", "COPY", "--subjects", "copy"], " B/"),
        (&["consumer", "consume", "ORDERS", "C", "--count", "5", "--raw"], "/5 "),
        (&["bench", "js-pub", "orders.a", "--msgs", "50"], "/50 "),
        (&["stream", "purge", "ORDERS", "--force"], "purging stream \"ORDERS\""),
    ] {
        let (ran, text) = drawn(of(&server, arguments)).await;
        assert_eq!(ran.code, Some(0), "{ran:?} {text}");
        assert!(text.contains(words), "{arguments:?}: {text:?}");
        // Erased, with the cursor where it was.
        assert!(text.trim_end().ends_with("\u{1b}[2K"), "{arguments:?}: {text:?}");
    }
}

#[tokio::test]
async fn nothing_is_drawn_where_stderr_is_no_terminal_and_with_json() {
    let server = orders().await;
    let root = tempfile::tempdir().unwrap();
    let (one, two) = (root.path().join("1"), root.path().join("2"));
    run(of(&server, &["stream", "backup", "ORDERS", one.to_str().unwrap()])).await.fine();
    let (ran, text) =
        drawn(of(&server, &["stream", "backup", "ORDERS", two.to_str().unwrap(), "--json"])).await;
    assert_eq!((ran.code, text.as_str()), (Some(0), ""));
}
