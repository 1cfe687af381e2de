//! What was measured on and with.

use std::fs;
use std::process::Command;
use std::thread;

use nuncio_testkit::DEFAULT_VERSION;

const LOCK: &str = include_str!("../../Cargo.lock");

/// A sentence on the machine, for below a table.
pub(crate) fn described() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = |name: &str| {
        let line = cpu.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(": ")).map(|(_, value)| value.trim().to_owned())
    };
    let model = line("model name").unwrap_or_else(|| "an unknown processor".into());
    let place = if line("flags").is_some_and(|flags| flags.contains("hypervisor")) {
        "of a virtual machine"
    } else {
        "of a machine"
    };
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let rustc = Command::new("rustc").arg("--version").output().map(|output| output.stdout);
    let rustc = String::from_utf8_lossy(&rustc.unwrap_or_default()).into_owned();
    format!(
        "{cores} cores {place} ({model}), {} {}, {}, nats-server {DEFAULT_VERSION}, async-nats {}, watermelon {}.",
        std::env::consts::OS,
        kernel.trim().split('-').next().unwrap_or_default(),
        rustc.split(" (").next().unwrap_or_default().trim(),
        version("async-nats"),
        version("watermelon"),
    )
}

/// The version of a crate in the lock file.
fn version(name: &str) -> &'static str {
    let head = format!("name = \"{name}\"\nversion = \"");
    let rest = LOCK.split_once(&head).map_or("", |(_, rest)| rest);
    rest.split('"').next().unwrap_or_default()
}
