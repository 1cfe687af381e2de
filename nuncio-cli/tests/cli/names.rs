//! Names and subjects that cannot be, on the command line of each command.

use crate::{program, run};

#[tokio::test]
async fn a_name_or_subject_that_cannot_be_is_told_with_its_mend_before_anything_is_connected() {
    const NAME: &str = "leave out";
    const TOKEN: &str = "remove the dot";
    for (arguments, mend) in [
        (&["pub", "a..b", ""][..], TOKEN),
        (&["pub", "a", "", "--reply", "a..b"], TOKEN),
        (&["sub", "a..b"], TOKEN),
        (&["sub", "a", "--queue", "a..b c"], "space"),
        (&["request", "a..b", ""], TOKEN),
        (&["reply", "a..b", "x"], TOKEN),
        (&["stream", "ls", "--subject", "a..b"], TOKEN),
        (&["stream", "report", "--subject", "a..b"], TOKEN),
        (&["stream", "info", "a.b"], NAME),
        (&["stream", "add", "a.b"], NAME),
        (&["stream", "add", "S", "--subjects", "x,a..b"], TOKEN),
        (&["stream", "edit", "a.b"], NAME),
        (&["stream", "ensure", "a.b"], NAME),
        (&["stream", "get", "a.b", "1"], NAME),
        (&["stream", "get", "S", "--last", "a..b"], TOKEN),
        (&["stream", "view", "S", "--subject", "a..b"], TOKEN),
        (&["stream", "purge", "S", "--subject", "a..b", "--force"], TOKEN),
        (&["stream", "rm", "a.b", "--force"], NAME),
        (&["stream", "backup", "a.b", "dir"], NAME),
        (&["stream", "restore", "dir", "--as", "a.b"], NAME),
        (&["stream", "ls", "--js-domain", "a.b"], NAME),
        (&["stream", "ls", "--js-api-prefix", "a..b"], TOKEN),
        (&["consumer", "ls", "a.b"], NAME),
        (&["consumer", "info", "S", "a.b"], NAME),
        (&["consumer", "add", "a.b", "C"], NAME),
        (&["consumer", "add", "S", "C", "--filter", "x,a..b"], TOKEN),
        (&["consumer", "add", "S", "C", "--push", "a..b"], TOKEN),
        (&["consumer", "edit", "S", "a.b"], NAME),
        (&["consumer", "next", "S", "a.b"], NAME),
        (&["bench", "pub", "a..b"], TOKEN),
        (&["bench", "sub", "a..b"], TOKEN),
        (&["bench", "request", "a..b"], TOKEN),
        (&["bench", "reply", "a..b"], TOKEN),
        (&["bench", "js-pub", "a..b"], TOKEN),
        (&["bench", "js-pub", "a", "--stream", "a.b"], NAME),
        (&["bench", "js-sub", "a.b"], NAME),
        (&["bench", "js-sub", "S", "--consumer", "a.b"], NAME),
    ] {
        let mut command = program(arguments);
        command.args(["--server", "127.0.0.1:1"]);
        let wrong = if mend == NAME { "a.b" } else { "a..b" };
        run(command).await.failed(2, &[wrong, mend]);
    }
}
